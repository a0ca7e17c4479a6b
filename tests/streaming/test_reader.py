"""What the reader does with an answer of Kafka that is partly an error."""

import pytest
from confluent_kafka import KafkaError, TopicPartition

from accounts.ledger.conclusions import Refused, understand
from accounts.ledger.identity import Position
from accounts.ledger.messages import digest_of
from streaming.endpoint import Endpoint
from streaming.kafka import reader as module
from streaming.kafka.reader import ClientFailed, LogIncomplete, Reader, ReadFailed, as_delivered
from tests.clock import Clock


class Message:
    """A message of librdkafka, or an error in its place."""

    def __init__(self, offset: int, code: int | None = None, partition: int | None = 0) -> None:
        self._offset = offset
        self._partition = partition
        self._error = None if code is None else KafkaError(code)

    def error(self):
        return self._error

    def partition(self):
        return self._partition

    def offset(self):
        return self._offset

    def leader_epoch(self):
        return 0

    def timestamp(self):
        return 1, 1_000

    def key(self):
        return b"C100"

    def headers(self):
        return None

    value = key


class Client:
    """librdkafka's end, which has moved on past whatever it has handed out."""

    def __init__(self, _settings) -> None:
        self.answers: list[Message] = []
        self.assigned: list[TopicPartition] = []

    def subscribe(self, _topics, *, on_assign, **_callbacks):
        on_assign(self, [TopicPartition("submissions", number) for number in (0, 1)])

    def assign(self, partitions):
        self.assigned = partitions

    def poll(self, _timeout):
        return self.answers.pop(0) if self.answers else None

    def consume(self, _limit, _timeout):
        answers, self.answers = self.answers, []
        return answers

    def places(self) -> list[tuple[int, int]]:
        return [(each.partition, each.offset) for each in self.assigned]


AT_5 = Position(5, 0, digest_of(b"C100", b"C100"))


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def reader_at(monkeypatch, clock):
    monkeypatch.setattr(module, "Client", Client)

    def build(position: Position, partitions=(0, 1)) -> Reader:
        def positions(_numbers):
            return dict.fromkeys(partitions, position)

        return Reader(Endpoint("external", "127.0.0.1:9"), "submissions", "group", positions)

    return build


def test_a_partition_that_the_ledger_lacks_is_named(reader_at):
    reader = reader_at(AT_5, partitions=[1])
    reader._client.answers = [Message(0)]

    with pytest.raises(LogIncomplete, match="lacks: 0"):
        reader.read(100, 0)


def test_the_partitions_are_told_once_until_they_change(reader_at, caplog):
    caplog.set_level("INFO", logger=module.__name__)
    reader = reader_at(AT_5)

    reader.restart()
    reader._take(reader._client, [TopicPartition("submissions", 1)])

    assert caplog.messages == ["Reading partitions 0, 1.", "Reading partitions 1."]


def test_the_message_before_the_position_is_compared_and_not_given_again(reader_at):
    reader = reader_at(AT_5)
    assert reader._client.places() == [(0, 4), (1, 4)]

    reader._client.answers = [Message(4), Message(5)]
    assert [each.offset for each in reader.read(100, 0)] == [5]
    reader._client.answers = [Message(6)]
    assert [each.offset for each in reader.read(100, 0)] == [6]

    reader.restart()
    reader._client.answers = [Message(4), Message(5)]
    assert [each.offset for each in reader.read(100, 0)] == [5]


def test_a_partition_from_its_beginning_has_nothing_to_compare(reader_at):
    reader = reader_at(Position(0, -1, None))
    assert reader._client.places() == [(0, 0), (1, 0)]

    reader._client.answers = [Message(0)]

    assert [each.offset for each in reader.read(100, 0)] == [0]


def test_another_message_in_the_place_of_the_last_one_is_another_log(reader_at):
    reader = reader_at(Position(5, 0, digest_of(b"C100", b"other")))
    reader._client.answers = [Message(4), Message(5)]

    with pytest.raises(LogIncomplete, match=r"partition 0: at offset 4, .* another message now"):
        reader.read(100, 0)


def test_a_log_that_lacks_the_last_one_has_lost_it(reader_at):
    reader = reader_at(AT_5)
    reader._client.answers = [Message(5)]

    with pytest.raises(LogIncomplete, match="at offset 4, the last one read, is nothing; 5 follo"):
        reader.read(100, 0)


def test_a_log_that_keeps_ending_before_the_last_one_is_shorter(reader_at, clock):
    reader = reader_at(AT_5)
    reader._client.answers = [Message(4), Message(4, KafkaError._PARTITION_EOF, partition=1)]
    assert reader.read(100, 0) == []
    clock.now += module.SHORT_FOR_S
    assert reader.read(100, 0) == []

    clock.now += 0.1

    with pytest.raises(LogIncomplete, match="partition 1: ends before offset 4"):
        reader.read(100, 0)


def test_a_log_that_ends_for_a_moment_only_is_not_shorter(reader_at, clock):
    reader = reader_at(AT_5)
    reader._client.answers = [Message(4, KafkaError._PARTITION_EOF)]
    assert reader.read(100, 0) == []
    reader._client.answers = [Message(4)]
    assert reader.read(100, 0) == []

    clock.now += module.SHORT_FOR_S + 1

    assert reader.read(100, 0) == []


def test_what_was_read_beside_a_failure_is_read_again_without_the_partition(reader_at, clock):
    reader = reader_at(AT_5)
    client = reader._client
    damaged = Message(7, KafkaError._BAD_COMPRESSION)
    client.answers = [Message(4), Message(4, partition=1), Message(5, partition=1), damaged]

    with pytest.raises(ReadFailed):
        reader.read(100, 0)

    assert client.places() == [(1, 4)]
    client.answers = [Message(4, partition=1), Message(5, partition=1)]
    assert [each.offset for each in reader.read(100, 0)] == [5]
    clock.now += module.REST_S
    reader.read(100, 0)
    assert client.places() == [(0, 4), (1, 4)]


def test_a_failure_of_no_partition_rests_none(reader_at):
    reader = reader_at(AT_5)
    reader._client.answers = [Message(0, KafkaError.TOPIC_AUTHORIZATION_FAILED, partition=None)]

    with pytest.raises(ReadFailed):
        reader.read(100, 0)

    assert reader._client.places() == [(0, 4), (1, 4)]


@pytest.mark.parametrize("taken_away", [False, True])
def test_a_client_that_has_failed_is_said_to_also_as_its_partitions_are_taken_away(
    reader_at, monkeypatch, taken_away
):
    """Red where it is a failure of one partition: nothing is read by this reader ever again."""
    reader = reader_at(AT_5)
    client = reader._client

    def poll(_timeout):
        if taken_away:
            reader._take(client, [])
        return Message(0, KafkaError._FATAL)

    monkeypatch.setattr(client, "poll", poll)

    with pytest.raises(ClientFailed):
        reader.read(100, 0)


def test_an_offset_that_is_not_there_is_lost_only_where_we_began(reader_at, clock):
    reader = reader_at(AT_5)
    client = reader._client
    client.answers = [Message(8_458_443_349_847_991_652, KafkaError._AUTO_OFFSET_RESET)]
    with pytest.raises(ReadFailed):
        reader.read(100, 0)
    clock.now += module.REST_S
    reader.read(100, 0)
    assert client.places() == [(0, 4), (1, 4)]

    client.answers = [Message(4, KafkaError._AUTO_OFFSET_RESET)]

    with pytest.raises(LogIncomplete):
        reader.read(100, 0)


def test_a_message_that_no_database_would_take_is_delivered_as_a_text_that_says_so(monkeypatch):
    monkeypatch.setattr(module, "LARGEST_TAKEN", 10)
    taken, other = Message(0), Message(1)
    taken.value, other.value = (lambda: b"{56789"), (lambda: b"{5678}9")

    whole, replaced = as_delivered(taken), as_delivered(other)

    assert (whole.key, whole.value) == (b"C100", b"{56789")
    said = f"Left out: 11 bytes with the digest {digest_of(b'C100', b'{5678}9').hex()}."
    assert (replaced.key, replaced.value) == (None, said.encode())
    assert isinstance(understand(replaced), Refused)
