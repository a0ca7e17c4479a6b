"""What the reader does with an answer of Kafka that is partly an error."""

import pytest
from confluent_kafka import KafkaError, TopicPartition

from streaming.endpoint import Endpoint
from streaming.kafka import reader as module
from streaming.kafka.reader import LogIncomplete, Reader, ReadFailed


class Message:
    """A message of librdkafka, or an error in its place."""

    def __init__(self, offset: int, code: int | None = None) -> None:
        self._offset = offset
        self._error = None if code is None else KafkaError(code)

    def error(self):
        return self._error

    def partition(self):
        return 0

    def offset(self):
        return self._offset

    def leader_epoch(self):
        return 0

    def timestamp(self):
        return 1, 1_000

    def key(self):
        return b"C100"

    value = key


class Client:
    """librdkafka's end, which has moved on past whatever it has handed out."""

    def __init__(self, _settings) -> None:
        self.answers: list[Message] = []
        self.assigned: list[TopicPartition] = []

    def subscribe(self, _topics, *, on_assign, **_callbacks):
        on_assign(self, [TopicPartition("submissions", 0)])

    def assign(self, partitions):
        self.assigned = partitions

    def poll(self, _timeout):
        return self.answers.pop(0)

    def consume(self, _limit, _timeout):
        return self.answers


def test_a_partition_that_the_ledger_lacks_is_named(monkeypatch):
    monkeypatch.setattr(module, "Client", Client)
    endpoint = Endpoint("external", "127.0.0.1:9")
    reader = Reader(endpoint, "submissions", "group", lambda _numbers: {})
    reader._client.answers = [Message(0)]

    with pytest.raises(LogIncomplete, match="lacks: 0"):
        reader.read(100, 0)


def test_what_was_read_beside_a_failure_is_read_again(monkeypatch):
    monkeypatch.setattr(module, "Client", Client)
    endpoint = Endpoint("external", "127.0.0.1:9")
    reader = Reader(
        endpoint, "submissions", "group", lambda numbers: dict.fromkeys(numbers, (5, 0))
    )
    client = reader._client
    client.assigned = []
    client.answers = [Message(5), Message(6), Message(7, KafkaError._BAD_COMPRESSION)]

    with pytest.raises(ReadFailed):
        reader.read(100, 0)

    assert [(each.partition, each.offset) for each in client.assigned] == [(0, 5)]
