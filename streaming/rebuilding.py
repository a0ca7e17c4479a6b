"""Making the ledger anew from its logs, with the code that posted it, beside the live one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db.transaction import atomic

from accounts.ledger.conclusions import understand
from accounts.ledger.identity import identity_of
from accounts.ledger.posting import post_batch
from accounts.ledger.tables import scratch_tables
from accounts.models import Act, Log, LogPosition, ObjectKind
from accounts.rebuild import scratch
from accounts.rebuild.comparison import differences, links_at_the_beginning
from accounts.rebuild.differences import Difference
from accounts.selectors.noted import Noted, PositionKey, note
from accounts.services.audit import Deed, Subject, record
from streaming.archive import ArchivedLog
from streaming.progress import Console, Progress
from streaming.publishing import in_parts
from streaming.sources import MessagesMissing, Sources

# Holds SQLite's write lock for some 30 ms, as a batch of the consumer does.
BATCH_SIZE: Final = 1_000
LEAST_GAP_S: Final = 0.005


class NothingToRebuild(Exception):
    """The ledger follows no log yet; the text says the way on."""

    def __init__(self) -> None:
        super().__init__(
            "The ledger follows no log yet. manage.py run_consumer makes it from Kafka, and "
            "manage.py rebuild_ledger --archive FILE from an archive."
        )


class Rebuild:
    """A ledger in the making, from the beginnings in ``noted``.

    That is the live ledger as it was at the start, or what archives say of an empty one.
    """

    def __init__(
        self, sources: Sources, noted: Noted, console: Console, *, gives_way: bool
    ) -> None:
        self.noted = noted
        self.messages = 0
        self._sources = sources
        self._console = console
        self._gives_way = gives_way

    @property
    def current_log(self) -> Log:
        """The last of the ledger's logs."""
        return self.noted.logs[-1]

    def post(self, until: dict[PositionKey, int]) -> None:
        """Read each log, one after the other, up to the offsets in ``until`` and conclude it.

        Raises ``Interrupted``, and what ``Sources.messages`` raises.
        """
        at = scratch.next_offsets()
        total = sum(end - at[place] for place, end in until.items() if end > at[place])
        progress = Progress(self._console, "Concluded", total)
        for log in self.noted.logs:
            ranges = {
                number: (at[log_id, number], end)
                for (log_id, number), end in until.items()
                if log_id == log.pk
            }
            self._post_log(log, ranges, progress)

    def post_to_the_end(self) -> None:
        """Go on to the last message that can be had of the current log.

        For an empty ledger that is after all of the logs before it, as the archives hold them. Each
        has to go on where the one before it ended: raises ``MessagesMissing`` where one does not,
        since then the archives lack something that the ledger followed.
        """
        logs = (self.current_log,) if self.noted.is_live else self.noted.logs
        before: dict[int, bytes] = {}
        for log in logs:
            if not self.noted.is_live:
                self._refuse_a_gap_before(log, before)
            is_last = log == self.current_log
            ends = self._sources.ends(log) if is_last else self._sources.archived_ends(log)
            self.post({(log.pk, number): end for number, end in ends.items()})
            before = scratch.links(log.pk)

    def _refuse_a_gap_before(self, log: Log, previous: dict[int, bytes]) -> None:
        for number, right in enumerate(links_at_the_beginning(log, previous)):
            if bytes(self.noted.positions[log.pk, number].first_link) != right:
                raise MessagesMissing(
                    f"What was named does not hold all that the ledger concluded before {log}: its "
                    f"partition {number} goes on from other messages. Name backups that hold every "
                    "log, and each to its end, with --archive. Nothing was put in place."
                )

    def differences(self) -> Iterator[Difference]:
        """Give where the live ledger, as noted, differs."""
        return differences(self.noted)

    def put_in_place(self) -> str:
        """Let the rebuilt ledger be the live one; see ``scratch.put_in_place``."""
        live = self.noted.next_offsets() if self.noted.is_live else {}
        with atomic():
            former = scratch.put_in_place(current_log=self.current_log.pk, expected=live)
            record(self._deed(former))
        return former

    def _deed(self, former: str) -> Deed:
        after = {"messages": self.messages, **({"former_schema": former} if former else {})}
        about = Subject(ObjectKind.LOG, str(self.current_log.pk))
        return Deed(act=Act.REBUILD, about=about, after=after)

    def _post_log(self, log: Log, ranges: dict[int, tuple[int, int]], progress: Progress) -> None:
        expected = {number: start for number, (start, _end) in ranges.items()}
        is_last = log == self.current_log
        for part in in_parts(self._sources.messages(log, ranges, is_last=is_last), BATCH_SIZE):
            began = time.monotonic()
            outcomes = post_batch(
                [understand(each) for each in part],
                log_id=log.pk,
                identity=identity_of(log),
                expected=expected,
                tables=scratch_tables(),
            )
            expected |= outcomes.following
            self.messages += len(part)
            progress.advance(len(part))
            if self._gives_way:
                # Whoever posts or submits meanwhile gets the lock half of the time.
                time.sleep(max(LEAST_GAP_S, time.monotonic() - began))


@contextmanager
def rebuild(
    sources: Sources, *, console: Console, gives_way: bool, keep: bool = False
) -> Iterator[Rebuild]:
    """Make scratch tables, and drop them at the end unless told to ``keep`` them.

    What a killed rebuild left is dropped first. A ledger without a log begins with those of
    the archives; raises ``NothingToRebuild`` where there are none either.
    """
    scratch.drop()
    noted = note()
    if not noted.logs:
        noted = _noted_in(sources.archived_logs)
    scratch.begin(noted.positions.values())
    try:
        yield Rebuild(sources, noted, console, gives_way=gives_way)
    finally:
        if not keep:
            scratch.drop()


def _noted_in(archived: list[ArchivedLog]) -> Noted:
    """Write down the logs of the archives, none of them current yet, for an empty ledger."""
    if not archived:
        raise NothingToRebuild
    with atomic():
        # Of a rebuild that was killed: nothing refers to them in a ledger without positions.
        Log.objects.filter(is_current=False).delete()
        logs = [_log_of(each) for each in archived]
    positions = {
        (log.pk, number): LogPosition(
            log=log,
            partition=number,
            first_offset=beginning.offset,
            first_link=bytes.fromhex(beginning.link),
            next_offset=beginning.offset,
        )
        for log, each in zip(logs, archived, strict=True)
        for number, beginning in enumerate(each.beginnings)
    }
    return Noted(tuple(logs), positions, entry_id=0, dead_letter_id=0, is_live=False)


def _log_of(archived: ArchivedLog) -> Log:
    return Log.objects.create(
        cluster_id=archived.cluster_id,
        topic=archived.topic,
        topic_id=archived.topic_id,
        partition_count=archived.partition_count,
        is_memory=archived.is_memory,
        adopted_at_ms=archived.adopted_at_ms,
        adopted_by=archived.adopted_by,
        reason=archived.reason,
        is_current=False,
    )
