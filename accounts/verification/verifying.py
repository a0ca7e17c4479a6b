"""Every check in turn."""

from collections.abc import Callable, Collection, Iterator, Sequence
from uuid import UUID

from django.db import connection

from accounts.events import PORTAL_SOURCE
from accounts.ledger.append_only import added_triggers, missing_triggers
from accounts.ledger.identity import identity_of
from accounts.ledger.messages import NO_LINK
from accounts.models import DeadLetter, Entry, Log, LogPosition, Submission
from accounts.oracle import AccountState, Oracle, first_links
from accounts.selectors.noted import Noted, note
from accounts.verification.by_log import PartitionByLog
from accounts.verification.by_rows import PartitionByRows
from accounts.verification.compared import whole_bytes
from accounts.verification.discrepancy import Discrepancy
from accounts.verification.messages import Messages
from accounts.verification.outbox import check_decisions, check_outbox
from accounts.verification.partition import Partition
from accounts.verification.rows import entries_until
from accounts.verification.seen_ids import SeenIds
from accounts.verification.structure import check_structure
from accounts.verification.sums import check_openings, check_sums


class Verification:
    """Verifies the ledger as it was at the start, while posting may go on.

    ``messages`` gives those of the log that the ledger follows; None where it cannot be read.
    Memory use grows with the accounts, and not with the rows.
    """

    def __init__(self, messages: Messages | None) -> None:
        self.noted: Noted = note()
        self._messages = messages
        # Messages that are events to this release, and were none to the one that met them.
        self.set_aside = 0
        # Entries said to be of the portal, without a submission: from before a restore, or forged.
        self.unsubmitted = 0

    @property
    def unread_logs(self) -> list[Log]:
        """The logs whose rows are not compared with their messages."""
        return [log for log in self.noted.logs if not self._is_readable(log)]

    def run(self, advance: Callable[[int], None]) -> Iterator[Discrepancy]:
        """Give every discrepancy. ``advance`` is told now and then how many more rows are done."""
        yield from (
            Discrepancy(what=f"trigger {name} is missing or altered")
            for name in missing_triggers(connection)
        )
        yield from (
            Discrepancy(
                what=f"trigger {name} is none of the portal's: look at what it does, and drop it"
            )
            for name in added_triggers(connection)
        )
        yield from check_structure()
        yield from self._check_chains()
        yield from self._check_rows(advance)
        yield from check_sums(advance)
        yield from check_outbox(advance)
        yield from check_decisions()

    def _is_readable(self, log: Log) -> bool:
        return log.is_current and self._messages is not None

    def _check_chains(self) -> Iterator[Discrepancy]:
        """Look whether each log goes on where the one before it ended."""
        for log in self.noted.logs_without_positions:
            yield Discrepancy(
                what=f"log no. {log.pk} has none of its {log.partition_count} positions",
                topic=log.topic,
            )
        yield from self._check_current()
        previous: dict[int, bytes] = {}
        for log in self.noted.logs:
            own = [each for each in self.noted.positions.values() if each.log_id == log.pk]
            if len(own) != log.partition_count:
                yield Discrepancy(
                    what=f"{len(own)} positions for {log.partition_count} partitions",
                    topic=log.topic,
                )
            is_first = log.is_memory or not previous
            begins = {} if is_first else first_links(previous, log.partition_count)
            for position in own:
                if whole_bytes(position.first_link) != begins.get(position.partition, NO_LINK):
                    yield Discrepancy(
                        what="the chain does not begin where that of the log before it ended",
                        topic=log.topic,
                        partition=position.partition,
                        offset=position.first_offset,
                    )
            previous = {each.partition: whole_bytes(each.link) for each in own}

    def _check_current(self) -> Iterator[Discrepancy]:
        """Look whether the log that is followed is the last one: a consumer goes by that."""
        for log in self.noted.logs:
            is_last = log == self.noted.logs[-1]
            if log.is_current != is_last:
                what = "is not marked as the one that the ledger follows, and is the last one"
                if not is_last:
                    what = "is marked as the one that the ledger follows, and is not the last one"
                yield Discrepancy(what=f"log no. {log.pk} {what}", topic=log.topic)

    def _check_rows(self, advance: Callable[[int], None]) -> Iterator[Discrepancy]:
        seen = SeenIds()
        try:
            balances: dict[str, AccountState] = {}
            partitions = self._partitions(seen, balances)
            for entries in entries_until(self.noted.entry_id):
                advance(len(entries))
                self.unsubmitted += _unsubmitted_among(entries)
                for entry in entries:
                    partition = partitions.get((entry.log_id, entry.partition))
                    if partition is None:
                        yield _of_nowhere(entry.pk, entry.account_id, entry.partition)
                    else:
                        yield from partition.row(entry)
            yield from self._check_stray_dead_letters(partitions)
            for partition in partitions.values():
                yield from partition.finish()
                self.set_aside += partition.counts["set_aside"]
            yield from check_openings(balances)
        finally:
            seen.close()

    def _check_stray_dead_letters(
        self, partitions: Collection[tuple[int, int]]
    ) -> Iterator[Discrepancy]:
        places = DeadLetter.objects.filter(pk__lte=self.noted.dead_letter_id)
        for place in places.order_by().values_list("log_id", "partition").distinct():
            if place not in partitions:
                rows = DeadLetter.objects.filter(log_id=place[0], partition=place[1])
                for row_id, offset in rows.order_by("offset").values_list("pk", "offset"):
                    yield Discrepancy(
                        what=f"dead letter {row_id} {_NOT_FOLLOWED}",
                        partition=place[1],
                        offset=offset,
                    )

    def _partitions(
        self, seen: SeenIds, balances: dict[str, AccountState]
    ) -> dict[tuple[int, int], Partition]:
        oracles: dict[int, Oracle] = {}
        for log in self.noted.logs:
            oracles[log.pk] = Oracle(identity_of(log).fingerprint(), ids=seen, keeps_totals=False)
            # One bank: what one log opened, the next one moves.
            oracles[log.pk].balances = balances
        logs = {log.pk: log for log in self.noted.logs}
        return {
            (each.log_id, each.partition): self._partition(
                logs[each.log_id], each, oracles[each.log_id]
            )
            for each in self.noted.positions.values()
        }

    def _partition(self, log: Log, position: LogPosition, oracle: Oracle) -> Partition:
        if self._messages is None or not log.is_current:
            return PartitionByRows(log, position, self.noted, oracle)
        return PartitionByLog(log, position, self.noted, oracle, self._messages)


def _unsubmitted_among(entries: Sequence[Entry]) -> int:
    ours = [each.transaction_id for each in entries if each.source == PORTAL_SOURCE]
    return len(ours) - Submission.objects.filter(transaction_id__in=_identifiers(ours)).count()


def _identifiers(found: Sequence[object]) -> list[UUID]:
    """Give those that are ids: SQLite lets somebody put anything else into the column."""
    return [each for each in found if isinstance(each, UUID)]


_NOT_FOLLOWED = "is of a log or partition that the ledger does not follow"


def _of_nowhere(entry_id: int, account: str, partition: int) -> Discrepancy:
    return Discrepancy(
        what=f"entry {entry_id} {_NOT_FOLLOWED}",
        account=account,
        partition=partition,
    )
