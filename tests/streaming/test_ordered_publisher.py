"""What is given to Kafka when, and what follows on its answers."""

import pytest

from accounts.models import Outbox
from accounts.outbox import Place, place_of
from streaming import on_the_way, refusals
from streaming.kafka.producer import Acknowledged, NotDelivered
from streaming.ordered_publisher import OrderedPublisher
from streaming.refusals import Refusals
from tests.clock import Clock

TOO_LARGE = NotDelivered("MSG_SIZE_TOO_LARGE", remedy="Raise it.")
FORBIDDEN = NotDelivered("TOPIC_AUTHORIZATION_FAILED", remedy="Allow it.", of_topic=True)


class Producer:
    """Kafka's end: it answers when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, object]] = []
        self.failure: NotDelivered | None = None

    def publish(self, _topic, _key, value, on_done, _headers):
        self.waiting.append((value, on_done))

    def poll(self, _timeout):
        if self.failure:
            raise self.failure

    flush = poll

    def answer(self, *results) -> None:
        for result in results:
            self.waiting.pop(0)[1](result)

    def values(self) -> list[bytes]:
        return [value for value, _ in self.waiting]


class Lease:
    held = True

    def is_held(self) -> bool:
        return self.held


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(refusals, "time", clock)
    return clock


@pytest.fixture
def kafka() -> Producer:
    return Producer()


@pytest.fixture
def resting(clock) -> Refusals:
    return Refusals()


@pytest.fixture
def publisher(kafka, resting) -> OrderedPublisher:
    return OrderedPublisher(kafka, Lease(), resting)


def rows(*keys: bytes | None, topic: str = "submissions", first: int = 1) -> list[Outbox]:
    return [
        Outbox(pk=first + n, topic=topic, key=key, value=b"%d" % (first + n))
        for n, key in enumerate(keys)
    ]


def at(offset: int) -> Acknowledged:
    return Acknowledged(0, offset, 1_000)


def test_one_message_of_an_account_is_on_its_way_at_a_time(publisher, kafka):
    """Red where each row taken is published: a refused one would be overtaken."""
    publisher.publish(rows(b"C1", b"C1", b"C2", b"C1"))
    assert kafka.values() == [b"1", b"3"]

    kafka.answer(at(0))
    publisher.poll(0)

    assert kafka.values() == [b"3", b"2"]


def test_rows_without_a_key_have_no_order(publisher, kafka):
    publisher.publish(rows(None, None))

    assert kafka.values() == [b"1", b"2"]


def test_a_refused_row_keeps_those_behind_it_and_no_other(publisher, kafka, resting):
    publisher.publish(rows(b"C1", b"C1", b"C2"))

    kafka.answer(TOO_LARGE, at(0))
    publisher.poll(0)

    assert kafka.values() == []
    assert list(resting.places) == [Place("submissions", b"C1")]
    assert [row.pk for row, _ in publisher.refused] == [1]
    assert [row.pk for row, _ in publisher.acknowledged] == [3]
    assert list(publisher.on_the_way.row_ids) == [3]
    # The limit may be a new one, and the batch at fault: a new producer learns it.
    assert publisher.failure


def test_a_topic_that_refuses_all_rests_and_the_other_goes_on(publisher, kafka, resting):
    publisher.publish([*rows(b"C1", b"C1", b"C2", topic="copies"), *rows(b"C1", first=4)])

    kafka.answer(FORBIDDEN, FORBIDDEN, at(0))
    publisher.publish([*rows(b"C3", topic="copies", first=5), *rows(b"C1", first=6)])

    assert kafka.values() == [b"6"]
    assert list(resting.places) == [Place("copies", None)]
    assert [row.pk for row, _ in publisher.refused] == [1]
    assert not publisher.failure


def test_what_was_refused_is_tried_again_after_delays_that_grow(publisher, kafka, resting, clock):
    [row] = rows(b"C1")
    publisher.publish([row])
    kafka.answer(TOO_LARGE)
    delays = []

    for _ in range(8):
        waited = 0
        while not resting.due():
            clock.now += 1
            waited += 1
        delays.append(waited)
        again = OrderedPublisher(kafka, Lease(), resting)
        again.try_again(row, resting.due())
        kafka.answer(TOO_LARGE)
        assert not again.failure

    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_row_that_is_taken_after_all_lets_its_account_go_on(publisher, kafka, resting, clock):
    [row] = rows(b"C1")
    resting.add(place_of(row))
    clock.now += 1

    publisher.try_again(row, resting.due())
    assert publisher.is_trying
    kafka.answer(at(0))

    assert not publisher.is_trying
    assert list(resting.places) == []


def test_a_topic_that_takes_messages_again_may_still_refuse_one(publisher, kafka, resting, clock):
    resting.add(Place("submissions", None))
    clock.now += 1

    publisher.try_again(rows(b"C1")[0], resting.due())
    kafka.answer(TOO_LARGE)

    assert list(resting.places) == [Place("submissions", b"C1")]


def test_with_many_refused_it_is_the_topic_that_rests(resting, clock):
    for number in range(refusals.MOST_OF_A_TOPIC + 5):
        resting.add(Place("submissions", b"C%d" % number))

    assert Place("submissions", None) in resting.places
    assert len(list(resting.places)) == refusals.MOST_OF_A_TOPIC + 1


def test_without_the_lease_nothing_is_published(publisher, kafka):
    """Red where the lease is asked for at the start only."""
    publisher.publish(rows(b"C1", b"C1"))
    Lease.held = False
    try:
        kafka.answer(at(0))
        publisher.poll(0)
    finally:
        Lease.held = True

    assert kafka.values() == []
    assert publisher.failure == "the lease is lost"


def test_a_producer_that_fails_as_a_whole_is_given_up(publisher, kafka):
    publisher.publish(rows(b"C1", b"C1"))
    kafka.failure = NotDelivered("_FATAL")

    publisher.poll(0)

    assert publisher.failure == "_FATAL"


def test_a_busy_account_leaves_room_for_others(publisher, monkeypatch):
    monkeypatch.setattr(on_the_way, "MOST_OF_A_PLACE", 3)
    publisher.publish(rows(b"C1", b"C1", b"C2"))
    assert publisher.on_the_way.crowded == set()

    publisher.publish(rows(b"C1", first=4))

    assert publisher.on_the_way.crowded == {Place("submissions", b"C1")}


def test_memory_is_bounded_by_rows_and_by_bytes(publisher, monkeypatch):
    monkeypatch.setattr(on_the_way, "MOST_ROWS", 4)
    publisher.publish(rows(b"C1", b"C1", b"C2"))
    assert publisher.on_the_way.room == 1

    monkeypatch.setattr(on_the_way, "MOST_BYTES", 3)

    assert publisher.on_the_way.room == 0
