"""The topics that the portal needs, and making a cluster's topics agree with that."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import TopicCollection
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from django.conf import settings

from streaming.endpoint import Endpoint
from streaming.kafka.connection import DEFAULT_TIMEOUT_S, Connection
from streaming.kafka.errors import BrokerNotReachable, TopicExists, TopicMissing

MEBIBYTE = 1024 * 1024

# The log is the record of what was asked, so nothing may ever leave it by itself, and its
# times are the broker's, which agents cannot set.
RECORD_SETTINGS = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    # Else a few kilobytes could unpack to more than those who read the log can take.
    "compression.type": "uncompressed",
}


@dataclass(frozen=True)
class Difference:
    """A setting of an existing topic that is not as the portal needs it."""

    setting: str
    found: str
    wanted: str
    corrected: bool


@dataclass(frozen=True)
class TopicReport:
    """What ``ensure_topics`` found or did for one topic."""

    topic: str
    created: bool
    partition_count: int
    differences: tuple[Difference, ...] = ()

    @property
    def is_as_wanted(self) -> bool:
        """Say whether the topic now is as the portal needs it."""
        return all(each.corrected for each in self.differences)


def ensure_topics(endpoint: Endpoint, timeout: float = DEFAULT_TIMEOUT_S) -> list[TopicReport]:
    """Make the topics of the portal exist and be as it needs them. May be repeated.

    Settings are corrected; partition count and replication of an existing topic never
    are, since the first would move accounts to other partitions: they are reported.
    The mock broker of memory mode makes its own kind of topic and is left at that.
    """
    connection = Connection(endpoint, timeout)
    names = (settings.KAFKA_TOPIC, settings.KAFKA_DEAD_LETTER_TOPIC)
    return [_ensure(connection, name, wanted_settings(endpoint, name)) for name in names]


def wanted_settings(endpoint: Endpoint, topic: str) -> dict[str, str]:
    """Give the settings that ``topic`` is to have on ``endpoint``, by Kafka's names."""
    # A dead letter carries the largest message there can be, and headers besides.
    size = 2 * MEBIBYTE if topic == settings.KAFKA_DEAD_LETTER_TOPIC else MEBIBYTE + 12
    wanted = RECORD_SETTINGS | {"max.message.bytes": str(size)}
    if endpoint.mode == "embedded":
        # One broker alone has no replica to recover from after a power cut.
        wanted["flush.messages"] = "1"
    if settings.KAFKA_REPLICATION > 1:
        # What is acknowledged is on two brokers at least. Of three, one may be away.
        wanted["min.insync.replicas"] = str(max(settings.KAFKA_REPLICATION - 1, 2))
    return wanted


def create_topic(
    endpoint: Endpoint,
    topic: str,
    *,
    partition_count: int,
    replication: int = 1,
    topic_settings: Mapping[str, str] | None = None,
) -> None:
    """Create ``topic``, by default with the settings of a record. Fails if it exists."""
    chosen = RECORD_SETTINGS if topic_settings is None else topic_settings
    _create(Connection(endpoint), topic, partition_count, replication, chosen)


def delete_topic(endpoint: Endpoint, topic: str, timeout: float = DEFAULT_TIMEOUT_S) -> None:
    """Delete ``topic`` and all it holds."""
    connection = Connection(endpoint, timeout)
    connection.ask(connection.client.delete_topics([topic])[topic], topic, needs="Delete")


def settings_of(connection: Connection, topic: str) -> dict[str, str]:
    """Give all settings of ``topic`` that are in force, by Kafka's names."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    asked = connection.client.describe_configs([resource])
    answers = connection.ask_each(asked, topic, needs="DescribeConfigs")
    return {name: entry.value for name, entry in answers[resource].items()}


def _ensure(connection: Connection, topic: str, wanted: Mapping[str, str]) -> TopicReport:
    if connection.endpoint.mode == "memory":
        return _ensure_mock(connection, topic)
    try:
        return _compare(connection, topic, wanted)
    except TopicMissing:
        return _create_or_compare(connection, topic, wanted)


def _create_or_compare(
    connection: Connection, topic: str, wanted: Mapping[str, str]
) -> TopicReport:
    count, replication = settings.KAFKA_PARTITIONS, settings.KAFKA_REPLICATION
    try:
        _create(connection, topic, count, replication, wanted)
    except TopicExists:
        # Somebody else has just created it, and the brokers were about to hear of it.
        _wait_for_leaders(connection, topic)
        return _compare(connection, topic, wanted)
    return TopicReport(topic, created=True, partition_count=count)


def _ensure_mock(connection: Connection, topic: str) -> TopicReport:
    created = topic not in connection.cluster.topics
    found = connection.metadata(topic).topics[topic]
    return TopicReport(topic, created=created, partition_count=len(found.partitions))


def _create(
    connection: Connection,
    topic: str,
    partition_count: int,
    replication: int,
    topic_settings: Mapping[str, str],
) -> None:
    new = NewTopic(
        topic,
        num_partitions=partition_count,
        replication_factor=replication,
        config=dict(topic_settings),
    )
    asked = connection.client.create_topics([new], operation_timeout=connection.seconds_left)
    connection.ask(asked[topic], topic, needs="Create")
    _wait_for_leaders(connection, topic)


def _wait_for_leaders(connection: Connection, topic: str) -> None:
    """Block until each partition can be used: a new topic is known to brokers a bit later."""
    while not connection.is_late():
        found = connection.metadata().topics.get(topic)
        if found and found.partitions and all(p.leader >= 0 for p in found.partitions.values()):
            return
        time.sleep(0.02)
    raise BrokerNotReachable(
        connection.endpoint.bootstrap_servers, f"topic {topic} was made and has no leader yet"
    )


def _compare(connection: Connection, topic: str, wanted: Mapping[str, str]) -> TopicReport:
    asked = connection.client.describe_topics(TopicCollection([topic]))[topic]
    partitions = connection.ask(asked, topic).partitions
    replication = min(len(each.replicas) for each in partitions)
    fixed = [
        Difference(name, str(found), str(should), corrected=False)
        for name, found, should in (
            ("partitions", len(partitions), settings.KAFKA_PARTITIONS),
            ("replication", replication, settings.KAFKA_REPLICATION),
        )
        if found != should
    ]
    corrected = _correct(connection, topic, wanted)
    return TopicReport(topic, False, len(partitions), tuple(fixed + corrected))


def _correct(connection: Connection, topic: str, wanted: Mapping[str, str]) -> list[Difference]:
    found = settings_of(connection, topic)
    wrong = {name: value for name, value in wanted.items() if found[name] != value}
    if wrong:
        changes = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in wrong.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes)
        asked = connection.client.incremental_alter_configs([resource])
        connection.ask_each(asked, topic, needs="AlterConfigs")
    return [Difference(name, found[name], value, True) for name, value in wrong.items()]
