"""How far ahead of the ledger an import may be."""

import pytest

from streaming import bulk
from streaming.bulk import AHEAD_S, LEAST_AHEAD, MOST_AHEAD, Cap
from tests.clock import Clock


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


@pytest.mark.parametrize("rate", [6_000, 15_000, 24_000])
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

    posted = followed(clock, cap, 20_000, seconds=2)
    posted = followed(clock, cap, 8_000, seconds=2 * AHEAD_S, since=posted)
    assert cap.events == pytest.approx(8_000 * AHEAD_S, rel=0.06)
    followed(clock, cap, 20_000, seconds=2 * AHEAD_S, since=posted)
    assert cap.events == pytest.approx(20_000 * AHEAD_S, rel=0.06)


def test_after_a_long_silence_it_takes_the_rate_of_all_that_time(clock):
    cap = Cap()
    cap.follow(0)

    clock.now += 10
    cap.follow(100_000)

    assert cap.events == pytest.approx(10_000 * AHEAD_S)
