"""Reading the log of submissions from positions that the database keeps."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from operator import methodcaller
from typing import Any, Final, cast

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from accounts.ledger.identity import Position
from accounts.ledger.messages import Delivered, Headers, digest_of
from streaming.endpoint import Endpoint
from streaming.kafka.config import client_settings
from streaming.kafka.rights import FORBIDDEN, lacking
from streaming.kafka.statistics import EVERY_MS, silence_s

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
# How long a partition that answers an error is left alone, so that the others go on.
REST_S = 10.0
# More than any message that is meant to be an event; what is larger is never one.
LARGEST_TAKEN: Final = 16 * 1024 * 1024
# A new leader may not have the last message to give for a moment (KIP-207).
SHORT_FOR_S = 10.0

# Gives the ledger's position in each partition asked for, where it knows the partition.
Positions = Callable[[Iterable[int]], Mapping[int, Position]]

NOT_THERE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
PASSING = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    KafkaError._PARTITION_EOF,
    KafkaError._MAX_POLL_EXCEEDED,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


class LogIncomplete(Exception):
    """The log does not hold what the ledger has to read next, or what it read last."""


class ClientFailed(Exception):
    """The client has failed for good and reads nothing any more; another one may.

    Such as a member whose place in the group is taken for somebody else's: where Kafka was away
    for longer than a session, one with a name may be so when it commits before it has joined again.
    """


class ReadFailed(Exception):
    """The broker answered with an error, for ``partition`` or, with None, for all of them."""

    def __init__(self, text: str, partition: int | None) -> None:
        super().__init__(text)
        self.partition = partition


def as_delivered(message: Message) -> Delivered:
    """Give a message that is no error as the ledger takes it, whoever reads the log."""
    # Its place is always known; only errors lack one.
    place: Any = message
    epoch = message.leader_epoch()
    key, value = _bounded(message.key(), message.value())
    return Delivered(
        place.partition(),
        place.offset(),
        message.timestamp()[1],
        key,
        value,
        -1 if epoch is None else epoch,
        _headers_of(message),
    )


def _bounded(key: bytes | None, value: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Give key and value; in place of very large ones a text that says which they were.

    A megabyte may unpack to a thousand, more than a database takes in one row: nothing behind it
    would ever be posted.
    """
    size = len(key or b"") + len(value or b"")
    if size <= LARGEST_TAKEN:
        return key, value
    said = f"Left out: {size} bytes with the digest {digest_of(key, value).hex()}."
    return None, said.encode()


# Where the name of a header is no UTF-8, librdkafka's Python sets an exception and gives a broken
# list all the same. Called from C, that is found out at once; otherwise anywhere later.
_ask_for_headers: Final = methodcaller("headers")


def _headers_of(message: Message) -> Headers:
    """Give a message's headers; none of them where Python cannot read one's name."""
    try:
        headers: Headers | None = _ask_for_headers(message)
    except (SystemError, UnicodeDecodeError):
        return ()
    return tuple(headers) if headers else ()


def _refuse_fatal(errors: Iterable[KafkaError]) -> None:
    for each in errors:
        if each.code() == KafkaError._FATAL:
            raise ClientFailed(each.str())


class Reader:
    """A member of the consumer group, started from ``positions`` whenever it is assigned some.

    It begins one message before each position: where that is not the message which the ledger
    read there, the log is another one, though ids, offsets and leader epochs agree, as in a log
    that was restored from an older copy and has grown since. Kafka's own committed offsets are
    written as a hint for its tools and never read.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        topic: str,
        group: str,
        positions: Positions,
        *,
        member: str = "",
    ) -> None:
        # When Kafka was last heard, as far as it is known; seconds since 1970.
        self.heard_at: float | None = None
        self._topic = topic
        self._named = {
            KafkaError.TOPIC_AUTHORIZATION_FAILED: topic,
            KafkaError.GROUP_AUTHORIZATION_FAILED: group,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED: "",
        }
        self._positions = positions
        self.assigned: set[int] = set()
        # A static member takes its partitions back at once after a kill; only sound for a
        # member that nobody else has the name of.
        static: dict[str, Any] = {"group.instance.id": member} if member else {}
        self._client = Client(
            client_settings(
                endpoint,
                **{
                    "group.id": group,
                    "auto.offset.reset": "error",
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "enable.partition.eof": True,
                    # What its producer has aborted was never submitted.
                    "isolation.level": "read_committed",
                    # A bit that turned over on the disk is no event.
                    "check.crcs": True,
                    "session.timeout.ms": 6_000,
                    "heartbeat.interval.ms": 1_500,
                    "max.poll.interval.ms": 300_000,
                    "fetch.wait.max.ms": 500,
                    "fetch.error.backoff.ms": 100,
                    "partition.assignment.strategy": "range",
                    "topic.metadata.refresh.interval.ms": 30_000,
                    "statistics.interval.ms": EVERY_MS,
                    "stats_cb": self._note_silence,
                }
                | static,
            )
        )
        self._told: set[int] | None = None
        self._assignments = 0
        self._unknown: list[int] = []
        self._starts: dict[int, int] = {}
        self._before: dict[int, Position] = {}
        # Up to where each partition was handed out, and where it then had no more to give.
        self._handed_out: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._short_since: dict[int, float] = {}
        self._rests_until: dict[int, float] = {}
        self._client.subscribe(
            [topic], on_assign=self._take, on_revoke=self._give, on_lost=self._give
        )

    def read(self, limit: int, timeout: float) -> list[Delivered]:
        """Give up to ``limit`` messages, waiting for the first one only.

        Raises ``LogIncomplete`` where the next message, or the one before it, is not there any
        more, ``ClientFailed`` where only another reader goes on, and ``ReadFailed`` for what
        waiting does not mend; a partition that failed rests for a while, and the others go on. An
        unreachable broker gives nothing.
        """
        self._end_rests()
        assignments = self._assignments
        first = self._client.poll(timeout)
        if self._unknown:
            numbers = ", ".join(map(str, self._unknown))
            raise LogIncomplete(f"{self._topic} has partitions that the ledger lacks: {numbers}")
        self._refuse_shorter()
        if first is None:
            return []
        messages = [first, *self._client.consume(limit - 1, 0)]
        failed = [(each, error) for each in messages if (error := each.error()) is not None]
        # It is said once, and maybe just as the partitions are taken away.
        _refuse_fatal(error for _message, error in failed)
        if self._assignments != assignments:
            # The partitions changed hands in between, so some of these may be of before.
            self.restart()
            return []
        try:
            for each, error in failed:
                self._refuse_unless_passing(each, error)
        except ReadFailed as failure:
            if failure.partition is not None:
                self._rests_until[failure.partition] = time.monotonic() + REST_S
            # What came beside the failure is read again: the client's own position is past it.
            self.restart()
            raise
        delivered = [as_delivered(each) for each in messages if each.error() is None]
        self._note_reach(delivered, failed)
        if not self._before:
            return delivered
        return [each for each in delivered if not self._is_known(each)]

    def restart(self) -> None:
        """Go back to the database's positions on all partitions that are still ours."""
        self._take(self._client, [TopicPartition(self._topic, number) for number in self.assigned])

    def commit_hint(self, following: Mapping[int, int]) -> None:
        """Tell Kafka's tools how far the ledger is. Nothing depends on it."""
        offsets = [TopicPartition(self._topic, number, at) for number, at in following.items()]
        try:
            self._client.commit(offsets=offsets, asynchronous=True)
        except KafkaException as failure:
            log.debug("The hint was not committed: %s", failure)

    def ends(self) -> dict[int, int]:
        """Give the ends of our partitions as Kafka last told them, without asking it.

        Where nothing is left to read, that is behind the last message, whatever stands behind it:
        aborted ones, and Kafka's own that end a transaction.
        """
        found = {}
        for number in self.assigned:
            place = TopicPartition(self._topic, number)
            with suppress(KafkaException):
                _low, end = self._client.get_watermark_offsets(place, cached=True)
                if end >= 0:
                    is_read = self._ended.get(number) == end
                    found[number] = self._handed_out[number] if is_read else end
        return found

    def close(self) -> None:
        """Leave the group, or give up on that where the broker does not answer."""
        # librdkafka waits without a limit for the answer to a hint that is on its way.
        leaving = threading.Thread(target=self._client.close, daemon=True)
        leaving.start()
        leaving.join(PATIENCE_S)
        if leaving.is_alive():
            log.warning("Kafka did not answer; left the group without saying so.")

    def _note_silence(self, statistics: str) -> None:
        silence = silence_s(statistics, self._topic, self.assigned)
        if silence is not None:
            self.heard_at = time.time() - silence

    def _take(self, client: Client, partitions: list[TopicPartition]) -> None:
        numbers = [each.partition for each in partitions]
        positions = self._positions(numbers)
        self.assigned = set(numbers)
        self._assignments += 1
        # Nothing may be raised in here: it would pass through librdkafka.
        self._unknown = sorted(self.assigned - positions.keys())
        self._before = {
            number: at for number, at in positions.items() if at.last_digest is not None
        }
        self._short_since.clear()
        self._handed_out = {number: at.next_offset for number, at in positions.items()}
        self._ended.clear()
        begun = [
            self._start(number, at)
            for number, at in positions.items()
            if number not in self._rests_until
        ]
        self._starts = {each.partition: each.offset for each in begun}
        client.assign(begun)
        if self._told != self.assigned:
            log.info("Reading partitions %s.", ", ".join(map(str, sorted(numbers))) or "none")
            self._told = set(numbers)

    def _start(self, number: int, at: Position) -> TopicPartition:
        offset = at.next_offset - (at.last_digest is not None)
        if at.leader_epoch < 0:
            return TopicPartition(self._topic, number, offset)
        # With the epoch the broker can tell that its log was cut and has grown again.
        return TopicPartition(self._topic, number, offset, leader_epoch=at.leader_epoch)

    def _end_rests(self) -> None:
        now = time.monotonic()
        rested = [number for number, until in self._rests_until.items() if until <= now]
        for number in rested:
            del self._rests_until[number]
        if self.assigned.intersection(rested):
            self.restart()

    def _give(self, client: Client, partitions: list[TopicPartition]) -> None:
        self.assigned -= {each.partition for each in partitions}
        client.unassign()

    def _note_reach(
        self, delivered: Iterable[Delivered], failed: Iterable[tuple[Message, KafkaError]]
    ) -> None:
        self._handed_out |= {each.partition: each.offset + 1 for each in delivered}
        self._ended |= {
            cast(int, each.partition()): cast(int, each.offset())
            for each, error in failed
            if error.code() == KafkaError._PARTITION_EOF
        }

    def _refuse_unless_passing(self, message: Message, error: KafkaError) -> None:
        if self._is_passing(message, error):
            return
        partition = message.partition()
        where = f"partition {partition}" if partition is not None else ""
        if self._is_lost(message, error):
            raise LogIncomplete(f"{self._topic} {where}: {error.str()}")
        if error.code() in FORBIDDEN:
            raise ReadFailed(lacking(error.code(), "Read", self._named[error.code()]), partition)
        raise ReadFailed(f"{self._topic} {where}: {error.name()}: {error.str()}", partition)

    def _is_lost(self, message: Message, error: KafkaError) -> bool:
        """Say whether what we have to read is not there, by the error in place of a message.

        Behind a damaged batch librdkafka takes some of its bytes for the next offset, so only
        an answer about the offset where we began counts; another one makes us begin again.
        """
        if error.code() == KafkaError._LOG_TRUNCATION:
            return True
        start = self._starts.get(cast(int, message.partition()))
        return error.code() in NOT_THERE and message.offset() == start

    def _is_known(self, message: Delivered) -> bool:
        """Say whether ``message`` is the one before our position; refuse another in its place."""
        before = self._before.pop(message.partition, None)
        if before is None:
            return False
        offset = before.next_offset - 1
        is_there = message.offset == offset
        if is_there and digest_of(message.key, message.value) == before.last_digest:
            return True
        raise LogIncomplete(
            f"{self._topic} partition {message.partition}: at offset {offset}, the last one read, "
            + ("is another message now" if is_there else f"is nothing; {message.offset} follows")
        )

    def _refuse_shorter(self) -> None:
        """Refuse a log that has kept ending before the message that we read last."""
        now = time.monotonic()
        for number, since in self._short_since.items():
            if number in self._before and now - since > SHORT_FOR_S:
                raise LogIncomplete(
                    f"{self._topic} partition {number}: ends before offset "
                    f"{self._before[number].next_offset - 1}, the last one read"
                )

    def _is_passing(self, message: Message, error: KafkaError) -> bool:
        if error.code() not in PASSING:
            return False
        if error.code() == KafkaError._PARTITION_EOF:
            self._short_since.setdefault(cast(int, message.partition()), time.monotonic())
        else:
            log.debug("Kafka: %s", error.str())
        return True
