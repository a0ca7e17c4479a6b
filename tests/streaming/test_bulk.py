"""How far ahead of the ledger an import may be, and for how long it waits."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from streaming import bulk
from streaming.bulk import AHEAD_S, LEAST_AHEAD, MOST_AHEAD, BulkPublisher, Cap, LedgerStands
from streaming.kafka.producer import Acknowledged
from streaming.progress import Console
from streaming.stopping import StopRequest
from tests.builders import submitted
from tests.clock import Clock

AT_ONCE = 1_000


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(bulk, "time", clock)
    return clock


def followed(clock: Clock, cap: Cap, rate: float, *, seconds: float, since: int = 0) -> int:
    """Let the ledger post at that rate, looked at every 20 ms; give what it has in all then."""
    began = clock.now
    while clock.now < began + seconds:
        clock.now += 0.02
        cap.follow(since + round((clock.now - began) * rate))
    return since + round((clock.now - began) * rate)


@pytest.mark.parametrize("rate", [6_000, 12_000, 18_000])
def test_it_is_what_the_ledger_posts_in_its_time(clock, rate):
    cap = Cap()

    followed(clock, cap, rate, seconds=2)

    assert cap.events == pytest.approx(rate * AHEAD_S, rel=0.06)


def test_it_has_its_bounds(clock):
    cap = Cap()
    assert cap.events == LEAST_AHEAD
    followed(clock, cap, 10, seconds=2)
    assert cap.events == LEAST_AHEAD
    followed(clock, cap, 1_000_000, seconds=2)
    assert cap.events == MOST_AHEAD


def test_it_shrinks_soon_after_the_ledger_has_slowed_down_and_grows_again(clock):
    cap = Cap()

    posted = followed(clock, cap, 14_000, seconds=2)
    posted = followed(clock, cap, 8_000, seconds=2 * AHEAD_S, since=posted)
    assert cap.events == pytest.approx(8_000 * AHEAD_S, rel=0.06)
    followed(clock, cap, 14_000, seconds=2 * AHEAD_S, since=posted)
    assert cap.events == pytest.approx(14_000 * AHEAD_S, rel=0.06)


def test_after_a_long_silence_it_takes_the_rate_of_all_that_time(clock):
    cap = Cap()
    cap.follow(0)

    clock.now += 10
    cap.follow(100_000)

    assert cap.events == pytest.approx(10_000 * AHEAD_S)


class Kafka:
    """Kafka, and a ledger behind it that posts at a rate from the first message on."""

    def __init__(self, clock: Clock, *, rate: float, answers_at: float = 0) -> None:
        self.clock = clock
        self.rate = rate
        self.answers_at = answers_at
        self.unanswered: list[Callable[[Acknowledged], None]] = []
        self.published = 0
        self.began = 0.0

    def publish(self, _topic, _key, _value, on_done) -> None:
        self.began = self.began or self.clock.now
        self.published += 1
        self.unanswered.append(on_done)

    def poll(self, seconds: float) -> None:
        self.clock.now += seconds
        if self.clock.now < self.answers_at:
            return
        first = self.published - len(self.unanswered)
        answered, self.unanswered = self.unanswered, []
        for offset, on_done in enumerate(answered, first):
            on_done(Acknowledged(0, offset, 0))

    def __len__(self) -> int:
        return len(self.unanswered)

    def posted(self) -> int:
        return min(self.published, int(self.rate * (self.clock.now - self.began)))


@pytest.fixture
def publisher_to(clock, monkeypatch):
    def make(kafka: Kafka) -> BulkPublisher:
        monkeypatch.setattr(bulk, "Producer", lambda *_, **__: kafka)
        monkeypatch.setattr(bulk, "has_moved", lambda _: False)
        monkeypatch.setattr(bulk, "next_offsets", lambda _: {0: kafka.posted()})
        console = Console(lambda _: None, StopRequest())
        return BulkPublisher(SimpleNamespace(bootstrap_servers="here:1"), None, console=console)

    return make


def test_it_stays_as_far_ahead_as_the_ledger_posts_in_that_time_and_goes_on_early(
    clock, publisher_to
):
    kafka = Kafka(clock, rate=14_000)
    publisher = publisher_to(kafka)
    event = submitted(100)
    ahead, bursts, since = [], [0], clock.now

    for _ in range(40_000):
        publisher.publish(event)
        if clock.now > since:
            bursts.append(0)
            since = clock.now
        bursts[-1] += 1
        ahead.append(kafka.published - kafka.posted())

    assert ahead[LEAST_AHEAD - 1] == max(ahead[:LEAST_AHEAD]) == LEAST_AHEAD
    assert max(ahead) == pytest.approx(14_000 * AHEAD_S, rel=0.06)
    # The ledger always has the most of that to do, and is never given all of it at once.
    assert min(ahead[20_000:]) > 14_000 * AHEAD_S * 0.75
    assert min(bursts[1:-1]) >= AT_ONCE
    assert max(bursts[10:]) < 2 * AT_ONCE


def test_a_ledger_that_stands_is_told_of_after_the_patience(clock, publisher_to):
    publisher = publisher_to(Kafka(clock, rate=0))
    publisher.publish(submitted(100))
    began = clock.now

    with pytest.raises(LedgerStands, match="1 events are in Kafka"):
        publisher.wait_until_concluded(60)

    assert 60 < clock.now - began < 61


def test_the_ledger_has_its_time_from_when_kafka_has_the_events(clock, publisher_to):
    """Red where it is asked after Kafka's answer for how long nothing had moved before it."""
    kafka = Kafka(clock, rate=1, answers_at=clock.now + 100)
    publisher = publisher_to(kafka)
    publisher.publish(submitted(100))
    kafka.posted = lambda: int(clock.now > kafka.answers_at + 50)  # type: ignore[method-assign]

    publisher.wait_until_concluded(60)

    assert clock.now > kafka.answers_at + 50
