"""Any part of a log can be read again, and what is missing is said."""

import socket
from itertools import pairwise

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streaming.endpoint import Endpoint
from streaming.kafka.errors import BrokerNotReachable
from streaming.kafka.log_reader import LogReader, read_log
from streaming.kafka.reader import LogIncomplete
from tests.raw_produce import publish_raw


def publish(kafka: Endpoint, topic: str, partition: int, count: int, **more) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, **more})
    if "transactional.id" in more:
        producer.init_transactions(10)
        producer.begin_transaction()
    for number in range(count):
        producer.produce(topic, f"{number}".encode(), b"key", partition=partition)
        producer.poll(0)
    if "transactional.id" in more:
        producer.commit_transaction(10)
    assert producer.flush(10) == 0


def places(messages) -> list[tuple[int, int]]:
    return [(each.partition, each.offset) for each in messages]


def test_ranges_are_read_partition_after_partition_in_log_order(kafka, topic):
    publish(kafka, topic, 0, 5)
    publish(kafka, topic, 2, 3_000)

    messages = list(read_log(kafka, topic, {2: (500, 2_999), 0: (0, 5), 1: (0, 0)}))

    assert places(messages) == [
        *((0, n) for n in range(5)),
        *((2, n) for n in range(500, 2_999)),
    ]
    assert messages[7].value == b"502"
    assert messages[7].logged_at_ms > 0


def test_partitions_can_be_read_in_turn(kafka, topic):
    publish(kafka, topic, 0, 2_500)
    publish(kafka, topic, 1, 2_500)

    with LogReader(kafka, topic) as reader:
        first, second = reader.messages(0, 0, 2_500), reader.messages(1, 0, 2_500)
        pairs = list(zip(first, second, strict=True))

    assert [(left.offset, right.offset) for left, right in pairs] == [(n, n) for n in range(2_500)]


def test_a_header_whose_name_is_no_text_stops_nobody(kafka, topic):
    # Waits until the partition has a leader.
    publish(kafka, topic, 0, 1)
    publish_raw(kafka, topic, b"key", b"before", {b"traceparent": b"00"})
    publish_raw(kafka, topic, b"key", b"odd", {b"sound": b"1", b"\xff\xfe": b"2", b"more": b""})
    publish_raw(kafka, topic, b"key", b"behind", {})

    messages = list(read_log(kafka, topic, {0: (1, 4)}))

    assert [(each.value, each.headers) for each in messages] == [
        (b"before", (("traceparent", b"00"),)),
        (b"odd", ()),
        (b"behind", ()),
    ]


def test_gaps_that_transactions_leave_are_no_loss(kafka, topic):
    publish(kafka, topic, 0, 2, **{"transactional.id": topic})
    publish(kafka, topic, 0, 2, **{"transactional.id": topic})

    messages = places(read_log(kafka, topic, {0: (0, 6)}))

    assert messages == [(0, 0), (0, 1), (0, 3), (0, 4)]


def test_a_log_that_ends_before_the_range_is_incomplete(kafka, topic):
    publish(kafka, topic, 0, 3)
    given = []

    with pytest.raises(LogIncomplete, match="partition 0: ends at offset 3, before 4"):
        given.extend(read_log(kafka, topic, {0: (0, 4)}))

    assert places(given) == [(0, 0), (0, 1), (0, 2)]


def test_a_log_that_begins_behind_the_range_is_incomplete(kafka, topic):
    publish(kafka, topic, 0, 4)
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    [removed] = client.delete_records([TopicPartition(topic, 0, 2)]).values()
    removed.result(10)

    with pytest.raises(LogIncomplete, match="partition 0: offset 1 is not there any more"):
        list(read_log(kafka, topic, {0: (1, 4)}))

    assert places(read_log(kafka, topic, {0: (2, 4)})) == [(0, 2), (0, 3)]


def test_a_broker_that_does_not_answer_is_waited_for_only_so_long():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        endpoint = Endpoint("external", f"127.0.0.1:{nobody.getsockname()[1]}")

        with pytest.raises(BrokerNotReachable):
            list(read_log(endpoint, "submissions", {0: (0, 1)}, patience_s=0.5))


def test_reading_gives_the_offsets_in_order_however_often_partitions_alternate(kafka, topic):
    publish(kafka, topic, 0, 30)
    publish(kafka, topic, 1, 30)

    with LogReader(kafka, topic) as reader:
        found = [
            places(reader.messages(partition, start, start + 3))
            for start in range(0, 30, 3)
            for partition in (0, 1)
        ]

    for part in found:
        assert len(part) == 3
        assert all(after[1] == before[1] + 1 for before, after in pairwise(part))
