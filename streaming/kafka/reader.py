"""Reading the log of submissions from positions that the database keeps."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from accounts.ledger.messages import Delivered
from streaming.endpoint import Endpoint
from streaming.kafka.config import client_settings

log = logging.getLogger(__name__)

PATIENCE_S = 3.0

# Gives the next offset and the leader epoch of each partition asked for.
Positions = Callable[[Iterable[int]], Mapping[int, tuple[int, int]]]

_LOST = {
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError._LOG_TRUNCATION,
}
_PASSING = {
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
    """The log does not hold the offset that the ledger has to read next."""


class ReadFailed(Exception):
    """The broker answered with an error that waiting does not mend."""


class Reader:
    """A member of the consumer group, started from ``positions`` whenever it is assigned some.

    Kafka's own committed offsets are written as a hint for its tools and never read.
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
        self._topic = topic
        self._positions = positions
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
                    "enable.partition.eof": False,
                    "session.timeout.ms": 6_000,
                    "heartbeat.interval.ms": 1_500,
                    "max.poll.interval.ms": 300_000,
                    "fetch.wait.max.ms": 500,
                    "fetch.error.backoff.ms": 100,
                    "partition.assignment.strategy": "range",
                    "topic.metadata.refresh.interval.ms": 30_000,
                }
                | static,
            )
        )
        self.assigned: set[int] = set()
        self._assignments = 0
        self._unknown: list[int] = []
        self._client.subscribe(
            [topic], on_assign=self._take, on_revoke=self._give, on_lost=self._give
        )

    def read(self, limit: int, timeout: float) -> list[Delivered]:
        """Give up to ``limit`` messages, waiting for the first one only.

        Raises ``LogIncomplete`` where the next message is not there any more, and
        ``ReadFailed`` for what waiting does not mend. An unreachable broker gives nothing.
        """
        assignments = self._assignments
        first = self._client.poll(timeout)
        if self._unknown:
            numbers = ", ".join(map(str, self._unknown))
            raise LogIncomplete(f"{self._topic} has partitions that the ledger lacks: {numbers}")
        if first is None:
            return []
        messages = [first, *self._client.consume(limit - 1, 0)]
        if self._assignments != assignments:
            # The partitions changed hands in between, so some of these may be of before.
            self.restart()
            return []
        try:
            return [self._delivered(each) for each in messages if not _is_passing(each)]
        except ReadFailed:
            # What came before the failure is read again: the client's own position is past it.
            self.restart()
            raise

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

    def close(self) -> None:
        """Leave the group, or give up on that where the broker does not answer."""
        # librdkafka waits without a limit for the answer to a hint that is on its way.
        leaving = threading.Thread(target=self._client.close, daemon=True)
        leaving.start()
        leaving.join(PATIENCE_S)
        if leaving.is_alive():
            log.warning("Kafka did not answer; left the group without saying so.")

    def _take(self, client: Client, partitions: list[TopicPartition]) -> None:
        numbers = [each.partition for each in partitions]
        positions = self._positions(numbers)
        self.assigned = set(numbers)
        self._assignments += 1
        # Nothing may be raised in here: it would pass through librdkafka.
        self._unknown = sorted(self.assigned - positions.keys())
        client.assign([self._start(number, *at) for number, at in positions.items()])
        log.info("Reading partitions %s.", ", ".join(map(str, sorted(numbers))) or "none")

    def _start(self, number: int, next_offset: int, leader_epoch: int) -> TopicPartition:
        if leader_epoch < 0:
            return TopicPartition(self._topic, number, next_offset)
        # With the epoch the broker can tell that its log was cut and has grown again.
        return TopicPartition(self._topic, number, next_offset, leader_epoch=leader_epoch)

    def _give(self, client: Client, partitions: list[TopicPartition]) -> None:
        self.assigned -= {each.partition for each in partitions}
        client.unassign()

    def _delivered(self, message: Message) -> Delivered:
        if error := message.error():
            where = f"partition {message.partition()}" if message.partition() is not None else ""
            if error.code() in _LOST:
                raise LogIncomplete(f"{self._topic} {where}: {error.str()}")
            raise ReadFailed(f"{self._topic} {where}: {error.name()}: {error.str()}")
        epoch = message.leader_epoch()
        return Delivered(
            cast(int, message.partition()),
            cast(int, message.offset()),
            message.timestamp()[1],
            message.key(),
            message.value(),
            -1 if epoch is None else epoch,
        )


def _is_passing(message: Message) -> bool:
    error = message.error()
    if error is None or error.code() not in _PASSING:
        return False
    log.debug("Kafka: %s", error.str())
    return True
