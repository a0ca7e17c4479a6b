"""Topics on a real Kafka: made, checked, corrected and described."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, TopicPartition
from confluent_kafka import Producer as Client
from confluent_kafka.admin import OffsetSpec

from streaming.endpoint import Endpoint
from streaming.kafka import admin
from streaming.kafka.admin import (
    BrokerNotReachable,
    TopicMissing,
    cluster_ready,
    create_topic,
    delete_topic,
    describe_log,
    end_offsets,
)
from streaming.kafka.producer import Producer
from streaming.kafka.topics import MEBIBYTE, wanted_settings
from tests.kafka_fixtures import ROOT, NewTopic, broker_environment

NOBODY = Endpoint("external", "127.0.0.1:1")


class Operator:
    """Somebody at a console, with topics of their own on the shared broker."""

    def __init__(self, data_dir: Path) -> None:
        self.topic = f"test-{uuid4().hex[:12]}"
        self.environment = broker_environment(data_dir) | {
            "KAFKA_TOPIC": self.topic,
            "KAFKA_DEAD_LETTER_TOPIC": f"{self.topic}.dead",
            "KAFKA_PARTITIONS": "3",
        }

    def types(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def operator(kafka: Endpoint, kafka_folder: Path):
    operator = Operator(kafka_folder / "data")
    yield operator
    for name in (operator.topic, f"{operator.topic}.dead"):
        try:
            delete_topic(kafka, name)
        except TopicMissing:
            continue


def test_created_topics_keep_everything_and_take_the_brokers_time(kafka, operator) -> None:
    made = operator.types("create_topics")

    found = describe_log(kafka, operator.topic)
    assert made.returncode == 0, made.stderr
    assert (found.retention_ms, found.retention_bytes) == (-1, -1)
    assert (found.cleanup_policy, found.timestamp_type) == ("delete", "LogAppendTime")
    assert (found.partition_count, found.flush_messages) == (3, 1)
    assert found.topic_id


def test_the_dead_letter_topic_takes_larger_messages(kafka, operator) -> None:
    operator.types("create_topics")

    largest = describe_log(kafka, operator.topic).max_message_bytes
    largest_dead = describe_log(kafka, f"{operator.topic}.dead").max_message_bytes
    assert largest == 1_048_588
    assert largest_dead == 2_097_152


def test_a_message_may_be_as_large_as_it_unpacks_to_and_no_larger(kafka, topic) -> None:
    packing = {"compression.type": "gzip", "message.max.bytes": 4 * MEBIBYTE}
    producer = Client({"bootstrap.servers": kafka.bootstrap_servers, **packing})
    fates: list[int | None] = []
    for size in (1_000_000, 3_000_000):
        producer.produce(
            topic,
            bytes(size),
            on_delivery=lambda error, _message: fates.append(error and error.code()),
        )
        assert producer.flush(10) == 0

    assert fates == [None, KafkaError.MSG_SIZE_TOO_LARGE]


def test_creating_topics_again_changes_nothing(kafka, operator) -> None:
    operator.types("create_topics")
    before = describe_log(kafka, operator.topic)

    again = operator.types("create_topics")

    assert again.returncode == 0
    assert again.stdout == (
        f"{operator.topic}: exists, 3 partitions\n{operator.topic}.dead: exists, 3 partitions\n"
    )
    assert describe_log(kafka, operator.topic) == before


def test_two_operators_at_once_make_each_topic_once(kafka, operator) -> None:
    words = [sys.executable, "manage.py", "create_topics"]
    both = [subprocess.Popen(words, cwd=ROOT, env=operator.environment) for _ in range(2)]

    codes = [each.wait(60) for each in both]

    assert codes == [0, 0]
    assert describe_log(kafka, operator.topic).partition_count == 3


def test_wrong_settings_are_named_and_corrected(kafka, operator) -> None:
    finite = {"retention.ms": "60000", "cleanup.policy": "compact"}
    create_topic(kafka, operator.topic, partition_count=3, topic_settings=finite)

    said = operator.types("create_topics")

    found = describe_log(kafka, operator.topic)
    assert said.returncode == 0, said.stderr
    assert "  retention.ms was 60000, corrected to -1\n" in said.stdout
    assert "  cleanup.policy was compact, corrected to delete\n" in said.stdout
    assert (found.retention_ms, found.cleanup_policy) == (-1, "delete")
    assert found.timestamp_type == "LogAppendTime"


def test_another_number_of_partitions_is_named_and_left_alone(kafka, operator) -> None:
    operator.types("create_topics")

    said = operator.types("create_topics", KAFKA_PARTITIONS="4")

    assert said.returncode == 78
    assert "  partitions is 3 and should be 4; left alone" in said.stdout
    assert describe_log(kafka, operator.topic).partition_count == 3


def test_described_topics_show_what_each_partition_holds(kafka, operator) -> None:
    operator.types("create_topics")
    _publish(kafka, operator.topic, [b"one", b"two"])

    said = operator.types("describe_topics", "--json")

    described = json.loads(said.stdout)
    assert said.returncode == 0, said.stderr
    assert described["kafka"] == {
        "bootstrap_servers": kafka.bootstrap_servers,
        "mode": "embedded",
    }
    assert [each["topic"] for each in described["topics"]] == [
        operator.topic,
        f"{operator.topic}.dead",
    ]
    assert [each["message_count"] for each in described["topics"]] == [2, 0]
    assert described["topics"][0]["cluster_id"] == kafka.cluster_id


def test_a_description_for_people_names_identity_and_retention(kafka, operator) -> None:
    operator.types("create_topics")

    said = operator.types("describe_topics").stdout

    assert f"Kafka at {kafka.bootstrap_servers} (embedded)" in said
    assert kafka.cluster_id in said
    assert "kept for         ever" in said


def test_a_missing_topic_is_named_with_the_way_on(operator) -> None:
    said = operator.types("describe_topics")

    assert said.returncode == 1
    assert f"has no topic {operator.topic}. Make it with: manage.py create_topics." in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("command", ["create_topics", "describe_topics"])
def test_a_wrong_address_is_named_in_one_line(tmp_path, command) -> None:
    operator = Operator(tmp_path)

    said = operator.types(command, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")

    assert said.returncode == 1
    assert said.stderr.splitlines() == [
        "CommandError: No Kafka answers at 127.0.0.1:1 "
        "(Connect to ipv4#127.0.0.1:1 failed: Connection refused). Start it there, correct "
        "KAFKA_BOOTSTRAP_SERVERS, or unset that (unset KAFKA_BOOTSTRAP_SERVERS) for a Kafka on "
        "this machine."
    ]


def test_without_a_broker_the_ways_to_one_are_named(tmp_path) -> None:
    said = Operator(tmp_path).types("describe_topics")

    assert said.returncode == 1
    assert "Start one with manage.py run_broker, or set KAFKA_BOOTSTRAP_SERVERS" in said.stderr


def test_end_offsets_are_those_of_the_next_messages(kafka: Endpoint, new_topic: NewTopic) -> None:
    topic = new_topic(partition_count=1)

    _publish(kafka, topic, [b"one", b"two", b"three"])

    assert end_offsets(kafka, topic) == {0: 3}


def test_questions_to_nobody_end_in_time() -> None:
    assert not cluster_ready(NOBODY, timeout=0.2)
    with pytest.raises(BrokerNotReachable, match=r"127\.0\.0\.1:1 "):
        describe_log(NOBODY, "submissions", timeout=0.2)
    with pytest.raises(BrokerNotReachable, match=r"127\.0\.0\.1:1 "):
        end_offsets(NOBODY, "submissions", timeout=0.2)


def test_a_topic_that_is_not_there_is_missing(kafka: Endpoint) -> None:
    with pytest.raises(TopicMissing):
        describe_log(kafka, "never-made")
    with pytest.raises(TopicMissing):
        end_offsets(kafka, "never-made")


def _publish(kafka: Endpoint, topic: str, values: list[bytes]) -> None:
    producer = Producer(kafka)
    results: list[object] = []
    for value in values:
        producer.publish(topic, b"key", value, results.append)
    assert producer.flush(30) == 0
    assert len(results) == len(values)


@pytest.mark.parametrize(("replication", "wanted"), [(3, "2"), (2, "2"), (5, "4"), (1, None)])
def test_what_several_brokers_keep_is_on_two_before_it_counts_as_written(
    settings, replication, wanted
) -> None:
    settings.KAFKA_REPLICATION = replication

    asked = wanted_settings(Endpoint("external", "kafka:9093"), "submissions")

    assert asked.get("min.insync.replicas") == wanted


def test_bounds_that_are_not_known_are_asked_again_and_never_taken_for_a_short_log() -> None:
    answered = {
        TopicPartition("submissions", 0): SimpleNamespace(offset=7),
        TopicPartition("submissions", 1): SimpleNamespace(offset=OFFSET_INVALID),
    }
    connection = SimpleNamespace(
        endpoint=NOBODY,
        client=SimpleNamespace(list_offsets=lambda *_words, **_more: answered),
        ask_each=lambda asked, _topic: asked,
        seconds_left=1,
    )

    with pytest.raises(BrokerNotReachable, match="partition 1 did not say its bounds"):
        admin._offsets(connection, "submissions", 2, OffsetSpec.latest())
