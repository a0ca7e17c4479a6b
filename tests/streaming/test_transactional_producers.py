"""Other systems may publish in Kafka's transactions: what they abort never was."""

import json
from collections.abc import Callable, Iterable, Iterator

import pytest
from confluent_kafka import Producer

from accounts.events import Event, encode
from accounts.ledger.identity import Position
from streaming.endpoint import Endpoint
from streaming.kafka.admin import end_offsets
from streaming.kafka.log_reader import read_log
from streaming.kafka.reader import Reader
from tests.builders import opened, submitted
from tests.processes import wait_until
from tests.streaming.recovery import Bank


class Transactional:
    """A producer whose messages are there once a transaction of theirs is committed."""

    def __init__(self, kafka: Endpoint, topic: str, partition: int = 0) -> None:
        self._topic, self._partition = topic, partition
        self._client = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": topic}
        )
        self._client.init_transactions(10)

    def begin(self, *events: Event) -> None:
        """Have these in the log, in a transaction that is open."""
        self._client.begin_transaction()
        for each in events:
            key, value = encode(each)
            self._client.produce(self._topic, value, key, partition=self._partition)
        assert self._client.flush(10) == 0

    def end(self) -> None:
        self._client.commit_transaction(10)

    def commit(self, *events: Event) -> None:
        self.begin(*events)
        self.end()

    def abort(self, *events: Event) -> None:
        self.begin(*events)
        self._client.abort_transaction(10)


@pytest.fixture
def producer(kafka, topic) -> Transactional:
    return Transactional(kafka, topic)


@pytest.fixture
def bank(kafka, portal_on) -> Bank:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


@pytest.fixture
def reader(kafka, topic) -> Iterator[Reader]:
    """Give what a consumer reads with whose ledger has nothing yet."""

    def positions(numbers: Iterable[int]) -> dict[int, Position]:
        return dict.fromkeys(numbers, Position(0, -1, None))

    reader = Reader(kafka, topic, f"group-{topic}", positions)
    yield reader
    reader.close()


def offsets_read(reader: Reader, until: Callable[[], bool]) -> list[int]:
    """Read until that is so; give the offsets of what came."""
    found: list[int] = []

    def reads() -> bool:
        found.extend(each.offset for each in reader.read(100, 0.1))
        return until()

    wait_until(reads, "the reader has come so far")
    return found


def test_what_is_aborted_is_posted_nowhere_and_what_is_committed_is(kafka, bank) -> None:
    """Behind each transaction Kafka keeps an offset for what ended it."""
    producer = Transactional(kafka, bank.topic)
    producer.commit(opened(), submitted(100), submitted(20))
    producer.abort(submitted(3))
    producer.commit(submitted(4))
    producer.abort(submitted(5))

    bank.start("run_consumer")
    wait_until(lambda: bank.balance("C100") == 124, "the last is posted")

    assert bank.value("SELECT count(*) FROM accounts_entry") == 4
    assert json.loads(bank.manage("ledger_status", "--json").stdout)["lag"] == 0
    bank.stop("run_consumer")
    ledger = bank.ledger()
    assert bank.manage("verify_ledger").returncode == 0
    assert bank.manage("rebuild_ledger", "--replace").returncode == 0
    assert bank.ledger() == ledger


def test_behind_the_end_of_a_transaction_nothing_is_left(reader, producer) -> None:
    """Red where the end is that of the log: there would be one message more to read for ever."""
    producer.commit(opened(), submitted(1))
    producer.abort(submitted(2))

    found = offsets_read(reader, lambda: reader.ends() == {0: 2, 1: 0, 2: 0})

    assert found == [0, 1]


def test_what_only_was_aborted_leaves_nothing_behind(reader, producer) -> None:
    producer.abort(opened())

    offsets_read(reader, lambda: reader.ends() == {0: 0, 1: 0, 2: 0})


def test_what_comes_behind_is_left_again_until_it_is_read(reader, producer) -> None:
    producer.commit(opened())
    offsets_read(reader, lambda: reader.ends().get(0) == 1)

    producer.begin(submitted(1))
    within = offsets_read(reader, lambda: reader.ends()[0] == 3)
    producer.end()

    assert within == []
    assert offsets_read(reader, lambda: reader.ends()[0] == 3 and reader._ended[0] == 4) == [2]


def test_a_log_is_read_up_to_a_transaction_that_is_open(kafka, topic, producer) -> None:
    """Red where a rebuild takes the last offset for its end: it would find the log incomplete."""
    producer.commit(opened())
    producer.begin(submitted(1))

    end = end_offsets(kafka, topic)[0]

    assert end == 2
    assert [each.offset for each in read_log(kafka, topic, {0: (0, end)})] == [0]
