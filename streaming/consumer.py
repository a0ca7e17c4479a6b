"""The loop between the log and the ledger. Knows when to read, wait and retry; posting decides."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import close_old_connections, connection

from accounts.database_troubles import CANNOT_SERVE
from accounts.events import without_quotes
from accounts.ledger.conclusions import Refused, Understood, understand
from accounts.ledger.identity import LogReplaced, Position, incomplete_log, positions_of
from accounts.ledger.messages import Delivered
from accounts.ledger.posting import OffsetMoved, Outcomes, count_refused_batches, post_batch
from streaming.bulk_posting import (
    FEWEST_AHEAD,
    Batch,
    BulkPosting,
    Hindered,
    can_post_ahead,
)
from streaming.database_away import DatabaseAway
from streaming.dead_letter_limit import WINDOW, DeadLetterLimit, Reached, TooManyDead
from streaming.dead_letter_words import tell_of_dead_letters
from streaming.endpoint import has_moved
from streaming.garbage import collect_garbage_less
from streaming.kafka.reader import ClientFailed, LogIncomplete, Reader, ReadFailed
from streaming.metrics import KAFKA_SILENT_SECONDS
from streaming.pace import Pace
from streaming.posting_metrics import Lag, measure_batch
from streaming.steps import tell_of_concluded
from streaming.stopping import DeliberateStop, StopRequest
from streaming.waiting import FoundLog, wait_for_log

log = logging.getLogger(__name__)

IDLE_S = 0.2
# For the next batch, while others are on their way into the ledger.
_NEXT_S = 0.02
CHECK_ENDPOINT_S = 1.0


class Abandoned(Exception):
    """We are to stop, and the positions from which to read are not to be had."""


@dataclass
class Counts:
    """What this process has done since its start."""

    posted: int = 0
    rejected: int = 0
    dead: int = 0
    repeats: int = 0
    refused_batches: int = 0

    def add(self, outcomes: Outcomes) -> None:
        """Count the outcomes of one batch."""
        self.posted += outcomes.posted
        self.rejected += outcomes.rejected
        self.dead += outcomes.dead
        self.repeats += outcomes.repeats


def consume(stop: StopRequest, *, member: str = "") -> Counts:
    """Post what the log holds until asked to stop.

    Waits, saying so, for a broker or topic that is not there. Raises ``DeliberateStop`` where
    the log is not the ledger's or lacks what has to be read next, and at the limit of dead
    letters.
    """
    counts = Counts()
    limit = DeadLetterLimit(
        most_in_a_row=settings.DEAD_LETTER_MOST_IN_A_ROW,
        most_percent=settings.DEAD_LETTER_MOST_PERCENT,
    )
    # Rows come and go by the thousand and hold no cycles: looking for some took a fifth of the
    # posting rate (26k to 31k a second without).
    collect_garbage_less()
    # It has not been heard since, if at all.
    KAFKA_SILENT_SECONDS.set(time.time())
    while not stop.is_set():
        found = wait_for_log(stop, compares_itself=True)
        if found is None:
            break
        log.info("Posting from %s at %s.", found.log.topic, found.endpoint.bootstrap_servers)
        _Session(found, stop, counts, limit, member).run()
    log.info(
        "Stopped: %d posted, %d rejected, %d dead, %d repeats.",
        counts.posted,
        counts.rejected,
        counts.dead,
        counts.repeats,
    )
    return counts


class _Session:
    """Posting from one endpoint, for as long as that is where Kafka is."""

    def __init__(
        self,
        found: FoundLog,
        stop: StopRequest,
        counts: Counts,
        limit: DeadLetterLimit,
        member: str,
    ) -> None:
        self._endpoint = found.endpoint
        self._log = found.log
        self._identity = found.identity
        self._guard = found.guard
        self._stop = stop
        self._counts = counts
        self._limit = limit
        self._database_away = DatabaseAway(stop)
        self._expected: dict[int, int] = {}
        self._lag = Lag()
        self._uncounted: Counter[int] = Counter()
        self._pace = Pace()
        self._bulk = BulkPosting(found.log.pk, found.identity, self._note_posted)
        self._posts_ahead = can_post_ahead()
        self._reader = Reader(
            found.endpoint,
            found.log.topic,
            settings.KAFKA_CONSUMER_GROUP,
            self._positions,
            member=member,
        )

    def run(self) -> None:
        """Read and post until asked to stop, or until Kafka is somewhere else."""
        checked = time.monotonic()
        try:
            while not self._stop.is_set():
                self._step()
                if time.monotonic() - checked > CHECK_ENDPOINT_S:
                    checked = time.monotonic()
                    close_old_connections()
                    if has_moved(self._endpoint):
                        log.warning("Kafka has moved; connecting again.")
                        return
                    self._look()
        except LogReplaced as reason:
            log.warning("%s Connecting again.", reason)
        except ClientFailed as reason:
            log.warning("Kafka: %s. Connecting again.", str(reason).rstrip("."))
            self._stop.wait(1)
        except Abandoned:
            log.info("Asked to stop before the database answered; nothing was begun.")
        except LogIncomplete as reason:
            raise DeliberateStop(incomplete_log(str(reason))) from reason
        finally:
            self._settle()
            self._bulk.close()
            self._record_refusals()
            self._lag.show({}, {})
            self._reader.close()

    def _step(self) -> None:
        try:
            messages = self._reader.read(
                self._pace.batch_size, _NEXT_S if self._bulk.is_underway else IDLE_S
            )
        except ReadFailed as reason:
            log.warning("Kafka: %s", reason)
            if reason.partition is None:
                self._stop.wait(1)
            return
        self._refuse_truncated(messages)
        understood = [understand(each) for each in messages]
        if not messages:
            self._finish_ahead()
        elif self._bulk.is_underway or self._is_backlog(messages):
            self._post_ahead(understood)
        else:
            self._post(understood, self._expected)

    def _is_backlog(self, messages: Sequence[Delivered]) -> bool:
        many = min(FEWEST_AHEAD, self._pace.batch_size)
        return self._posts_ahead and self._bulk.is_possible and len(messages) >= many

    def _post_ahead(self, understood: list[Understood | Refused]) -> None:
        partitions = {each.message.partition for each in understood}
        expected = {number: self._expected[number] for number in partitions}
        try:
            self._expected |= self._bulk.take(Batch(understood, expected))
        except Hindered as reason:
            self._post_one_by_one(reason)

    def _finish_ahead(self) -> None:
        try:
            self._bulk.finish()
        except Hindered as reason:
            self._post_one_by_one(reason)
        self._bulk.rest()

    def _post_one_by_one(self, hindered: Hindered) -> None:
        log.info("%d batches are posted one by one: %s.", len(hindered.batches), hindered)
        for batch in hindered.batches:
            if not self._post(batch.messages, batch.expected):
                return

    def _settle(self) -> None:
        """Wait for what is on its way; what is not written then is in the log still."""
        try:
            self._bulk.finish()
        except Hindered as reason:
            log.info("%d batches are read again: %s.", len(reason.batches), reason)

    def _post(
        self, understood: Sequence[Understood | Refused], expected: Mapping[int, int]
    ) -> bool:
        """Post one batch; say whether it is written, so that the one after it may be."""
        while not self._stop.is_set():
            try:
                outcomes = post_batch(
                    understood,
                    log_id=self._log.pk,
                    identity=self._identity,
                    expected=expected,
                    review=self._limit.review,
                )
            except TooManyDead as reached:
                # Nothing of the batch is written; all up to the limit is, and then we stop.
                understood = understood[: reached.length]
            except OffsetMoved as reason:
                log.warning("A stale batch was refused: %s Reading again from there.", reason)
                self._count_refusal(reason.partition)
                self._reader.restart()
                return False
            except CANNOT_SERVE as reason:
                # Nothing of the batch is written; the same batch is posted again.
                self._database_away.wait(reason)
            else:
                self._database_away.is_back()
                self._expected |= outcomes.following
                self._note_posted(understood, outcomes)
                return True
        return False

    def _note_posted(self, posted: Sequence[Understood | Refused], outcomes: Outcomes) -> None:
        self._pace.note(len(posted), outcomes.held_s, was_waited_for=outcomes.was_waited_for)
        self._counts.add(outcomes)
        measure_batch(outcomes)
        self._lag.note_read(posted, outcomes.following)
        tell_of_dead_letters(outcomes.dead_letters)
        tell_of_concluded(outcomes)
        self._reader.commit_hint(outcomes.following)
        self._stop_at_the_limit(posted, outcomes)

    def _stop_at_the_limit(
        self, posted: Sequence[Understood | Refused], outcomes: Outcomes
    ) -> None:
        reached = self._limit.count(posted, outcomes.dead_letters)
        if reached is not None:
            raise DeliberateStop(_at_the_limit(reached))

    def _count_refusal(self, partition: int) -> None:
        self._counts.refused_batches += 1
        self._uncounted[partition] += 1
        self._record_refusals()

    def _record_refusals(self) -> None:
        """Count in the database too; one that cannot serve is asked later, and posting goes on."""
        while self._uncounted:
            partition, count = next(iter(self._uncounted.items()))
            try:
                count_refused_batches(self._log.pk, partition, count)
            except CANNOT_SERVE:
                connection.close()
                return
            del self._uncounted[partition]

    def _look(self) -> None:
        self._record_refusals()
        self._lag.show(self._reader.ends(), self._expected)
        if self._reader.heard_at is not None:
            KAFKA_SILENT_SECONDS.set(self._reader.heard_at)
        try:
            self._guard.look()
        except CANNOT_SERVE as reason:
            self._database_away.wait(reason)
        else:
            self._database_away.is_back()

    def _refuse_truncated(self, messages: list[Delivered]) -> None:
        for each in messages:
            if each.offset < self._expected[each.partition]:
                raise LogIncomplete(
                    f"partition {each.partition} gave offset {each.offset} after "
                    f"{self._expected[each.partition] - 1}"
                )

    def _positions(self, partitions: Iterable[int]) -> Mapping[int, Position]:
        self._settle()
        while True:
            try:
                found = positions_of(self._log, partitions)
            except CANNOT_SERVE as reason:
                if self._stop.is_set():
                    raise Abandoned from reason
                self._database_away.wait(reason)
            else:
                self._database_away.is_back()
                self._expected = {number: at.next_offset for number, at in found.items()}
                return found


def _at_the_limit(reached: Reached) -> str:
    letter, setting = reached.letter, reached.setting
    place, detail = letter.message, without_quotes(letter.detail).rstrip(".")
    many = (
        f"{reached.in_a_row:,} dead letters in a row"
        if setting == "DEAD_LETTER_MOST_IN_A_ROW"
        else f"{reached.in_window:,} dead letters among the last {WINDOW:,} messages"
    )
    return (
        f"{many} on partition {place.partition}, the last at offset {place.offset} "
        f"({letter.reason}: {detail}). They are kept, all before them is "
        "concluded, and nothing was skipped. Look at them in the admin under dead letters, or with "
        "manage.py redrive --all --dry-run, and put right what publishes them. Then start "
        "run_consumer again: it goes on behind the last one, for as many again. Where they are to "
        f"be expected, raise {setting} (now {getattr(settings, setting)})."
    )
