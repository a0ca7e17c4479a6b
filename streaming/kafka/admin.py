"""Questions to a Kafka cluster about itself and its logs. Nothing here publishes or reads."""

import time
from dataclasses import dataclass

from confluent_kafka import IsolationLevel, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streaming.endpoint import Endpoint
from streaming.kafka.connection import DEFAULT_TIMEOUT_S, Connection
from streaming.kafka.errors import (
    Barred,
    BrokerNotReachable,
    KafkaUnusable,
    NotPermitted,
    RequestFailed,
    SettingsRefused,
    SignInRefused,
    TopicExists,
    TopicMissing,
)
from streaming.kafka.topics import create_topic, delete_topic, ensure_topics, settings_of

__all__ = [
    "Barred",
    "BrokerNotReachable",
    "KafkaUnusable",
    "LogDescription",
    "NotPermitted",
    "PartitionDescription",
    "RequestFailed",
    "SettingsRefused",
    "SignInRefused",
    "TopicExists",
    "TopicMissing",
    "cluster_ready",
    "create_topic",
    "delete_topic",
    "describe_log",
    "end_offsets",
    "ensure_topics",
]

_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class PartitionDescription:
    """One partition: it holds the offsets from ``low`` up to, not including, ``high``."""

    partition: int
    low: int
    high: int


@dataclass(frozen=True)
class LogDescription:
    """What makes a log this log and no other, and what it still holds.

    Retention and the largest message are -1 for unlimited. The mock broker of memory mode has
    neither topic ids nor settings: ``topic_id`` is empty there, and the rest says what the mock
    does while it runs.
    """

    cluster_id: str
    topic: str
    topic_id: str
    partition_count: int
    replication: int
    retention_ms: int
    retention_bytes: int
    cleanup_policy: str
    timestamp_type: str
    max_message_bytes: int
    flush_messages: int
    partitions: tuple[PartitionDescription, ...]

    @property
    def message_count(self) -> int:
        """Give the number of offsets held; control records make it an upper bound."""
        return sum(each.high - each.low for each in self.partitions)


def cluster_ready(endpoint: Endpoint, timeout: float = DEFAULT_TIMEOUT_S) -> bool:
    """Say whether the cluster serves requests, waiting up to ``timeout`` seconds for it.

    Raises ``SignInRefused`` when it answers but will not have us.
    """
    try:
        connection = Connection(endpoint, timeout)
        while not connection.cluster.brokers and not connection.is_late():
            # A starting broker answers before it has joined its own cluster.
            time.sleep(0.05)
            connection.cluster = connection.metadata()
    except BrokerNotReachable:
        return False
    return bool(connection.cluster.brokers)


def describe_log(
    endpoint: Endpoint, topic: str, timeout: float = DEFAULT_TIMEOUT_S
) -> LogDescription:
    """Describe ``topic`` and the cluster it is on. Raises ``TopicMissing``."""
    connection = Connection(endpoint, timeout)
    if endpoint.mode == "memory":
        return _describe_mock_log(connection, topic)
    asked = connection.client.describe_topics(TopicCollection([topic]))[topic]
    found = connection.ask(asked, topic)
    configs = settings_of(connection, topic)
    return LogDescription(
        cluster_id=connection.cluster.cluster_id or "",
        topic=topic,
        topic_id=str(found.topic_id),
        partition_count=len(found.partitions),
        replication=min(len(each.replicas) for each in found.partitions),
        retention_ms=int(configs["retention.ms"]),
        retention_bytes=int(configs["retention.bytes"]),
        cleanup_policy=configs["cleanup.policy"],
        timestamp_type=configs["message.timestamp.type"],
        max_message_bytes=int(configs["max.message.bytes"]),
        flush_messages=int(configs["flush.messages"]),
        partitions=_partitions(connection, topic, len(found.partitions)),
    )


def end_offsets(
    endpoint: Endpoint, topic: str, timeout: float = DEFAULT_TIMEOUT_S
) -> dict[int, int]:
    """Give for each partition the offset up to which it can be read.

    That is the one of its next message, or of the first that is in a transaction not ended yet.
    """
    connection = Connection(endpoint, timeout)
    count = _partition_count(connection, topic)
    return _offsets(connection, topic, count, _LATEST, IsolationLevel.READ_COMMITTED)


def _describe_mock_log(connection: Connection, topic: str) -> LogDescription:
    count = _partition_count(connection, topic)
    return LogDescription(
        cluster_id=connection.endpoint.cluster_id,
        topic=topic,
        topic_id="",
        partition_count=count,
        replication=1,
        retention_ms=-1,
        retention_bytes=5 * 1024 * 1024,
        cleanup_policy="delete",
        timestamp_type="CreateTime",
        max_message_bytes=-1,
        flush_messages=0,
        partitions=_partitions(connection, topic, count),
    )


def _partition_count(connection: Connection, topic: str) -> int:
    found = connection.cluster.topics.get(topic)
    if found is None or not found.partitions:
        raise TopicMissing(topic, connection.endpoint.bootstrap_servers)
    return len(found.partitions)


def _partitions(connection: Connection, topic: str, count: int) -> tuple[PartitionDescription, ...]:
    lows = _offsets(connection, topic, count, _EARLIEST)
    highs = _offsets(connection, topic, count, _LATEST)
    return tuple(PartitionDescription(n, lows[n], highs[n]) for n in range(count))


def _offsets(
    connection: Connection,
    topic: str,
    count: int,
    which: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
) -> dict[int, int]:
    asked = {TopicPartition(topic, number): which for number in range(count)}
    answers = connection.ask_each(
        connection.client.list_offsets(
            asked,
            isolation_level=isolation,
            request_timeout=connection.seconds_left,
        ),
        topic,
    )
    offsets = {place.partition: found.offset for place, found in answers.items()}
    for number, offset in offsets.items():
        # What librdkafka gives, without an error, for a partition whose leader did not answer.
        if offset < 0:
            raise BrokerNotReachable(
                connection.endpoint.bootstrap_servers, f"partition {number} did not say its bounds"
            )
    return offsets
