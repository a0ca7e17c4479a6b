"""Reading any part of a log again: to verify it, to copy it, to rebuild from it."""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, cast

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from accounts.ledger.messages import Delivered
from streaming.endpoint import Endpoint
from streaming.kafka.config import client_settings
from streaming.kafka.errors import BrokerNotReachable, NotPermitted, SettingsRefused
from streaming.kafka.reader import NOT_THERE, PASSING, LogIncomplete, ReadFailed, as_delivered
from streaming.kafka.rights import lacking

PATIENCE_S = 30.0
# Messages taken at a time: what another partition is read in between is fetched again.
BATCH_SIZE = 2_000
_POLL_S = 0.2

# Partition by partition, the first offset to read and the one to stop before.
Ranges = Mapping[int, tuple[int, int]]


def read_log(
    endpoint: Endpoint, topic: str, ranges: Ranges, *, patience_s: float = PATIENCE_S
) -> Iterator[Delivered]:
    """Give the messages of ``ranges``, partition after partition, each in log order.

    Joins no consumer group, commits nothing, and may run beside the consumers. Offsets without
    a message are fine where the log goes on behind them (control records leave such gaps), so
    whoever needs each offset has to look. Raises ``LogIncomplete`` where a range begins before
    what the log still holds or ends behind what it holds; ``BrokerNotReachable`` when nothing
    came for ``patience_s`` seconds; ``NotPermitted`` where we may not read it; ``ReadFailed`` for
    another error of the broker, such as a batch that is damaged. Memory use does not grow with the
    ranges.
    """
    with LogReader(endpoint, topic, patience_s=patience_s) as reader:
        for partition, (start, end) in sorted(ranges.items()):
            yield from reader.messages(partition, start, end)


class LogReader:
    """One client that reads whichever partition is asked for. Close it, or use ``with``."""

    def __init__(self, endpoint: Endpoint, topic: str, *, patience_s: float = PATIENCE_S) -> None:
        self._endpoint = endpoint
        self._topic = topic
        self._patience_s = patience_s
        # Where the client itself stands; None while it has nothing assigned.
        self._place: tuple[int, int] | None = None
        settings: dict[str, Any] = {
            # librdkafka wants one; no group is joined and no offset committed.
            "group.id": "bankportal-reading",
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            # As the consumers, or a rebuild would be another ledger.
            "isolation.level": "read_committed",
            "check.crcs": True,
            # Another partition is asked for only when this question has its answer.
            "fetch.wait.max.ms": 5,
            "fetch.error.backoff.ms": 100,
            "queued.min.messages": 5 * BATCH_SIZE,
            "queued.max.messages.kbytes": 8_192,
        }
        try:
            self._client = Client(client_settings(endpoint, **settings))
        except (KafkaException, ValueError) as refusal:
            raise SettingsRefused(str(refusal)) from refusal

    def messages(self, partition: int, start: int, end: int) -> Iterator[Delivered]:
        """Give the messages of ``partition`` from ``start`` to before ``end``, as ``read_log``.

        Generators of several partitions may be drawn from in turn.
        """
        at = start
        while at < end:
            batch = self._batch(partition, at, end)
            if not batch:
                return
            at = batch[-1].offset + 1
            yield from (each for each in batch if each.offset < end)

    def close(self) -> None:
        """End the client."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _batch(self, partition: int, at: int, end: int) -> list[Delivered]:
        """Give the next messages from ``at``; none only where the log has none before ``end``."""
        if self._place != (partition, at):
            self._client.assign([TopicPartition(self._topic, partition, at)])
        deadline = time.monotonic() + self._patience_s
        while True:
            first = self._client.poll(_POLL_S)
            # Asked for many at once, the client would wait until it has them all.
            answers = [] if first is None else [first, *self._client.consume(BATCH_SIZE - 1, 0)]
            found = [as_delivered(each) for each in answers if each.error() is None]
            found = [each for each in found if each.partition == partition and each.offset >= at]
            if found:
                # What else came is told once only, so it is asked for again.
                is_all = len(found) == len(answers)
                self._place = (partition, found[-1].offset + 1) if is_all else None
                return found
            self._place = partition, at
            for each in answers:
                if self._is_end(each, partition, at, end):
                    return []
            if time.monotonic() > deadline:
                raise BrokerNotReachable(
                    self._endpoint.bootstrap_servers, f"nothing came of partition {partition}"
                )

    def _is_end(self, message: Message, partition: int, at: int, end: int) -> bool:
        """Say whether ``message`` tells that nothing is left to read; raise for other errors."""
        error = cast(KafkaError, message.error())
        where = f"{self._topic} partition {partition}"
        if error.code() == KafkaError._PARTITION_EOF:
            # Before what is in a transaction that is open.
            holds_until = cast(int, message.offset())
            if holds_until >= end:
                return True
            raise LogIncomplete(f"{where}: ends at offset {holds_until}, before {end}")
        # We join no group, so it does not matter that we might not.
        if error.code() in PASSING or error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return False
        self._place = None
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            address = self._endpoint.bootstrap_servers
            raise NotPermitted(address, lacking(error.code(), "Read", self._topic))
        if error.code() in NOT_THERE:
            raise LogIncomplete(f"{where}: offset {at} is not there any more")
        raise ReadFailed(f"{where}: {error.name()}: {error.str()}", partition)
