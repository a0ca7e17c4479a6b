"""How large the batches of a backlog are."""

import pytest

from streaming import pace
from streaming.pace import FEWEST, HOLD_S, HOLD_WHILE_WAITED_FOR_S, MOST, Pace
from tests.clock import Clock


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def settled(messages_a_second: float, **details) -> Pace:
    """Give the pace after many batches at that rate."""
    found = Pace()
    for _ in range(50):
        found.note(found.batch_size, found.batch_size / messages_a_second, **details)
    return found


@pytest.mark.parametrize("rate", [20_000, 40_000, 70_000])
def test_a_batch_holds_the_lock_for_its_time(clock, rate):
    assert settled(rate).batch_size == pytest.approx(rate * HOLD_S, rel=0.01)


def test_it_is_shorter_while_somebody_waits_for_the_lock_and_for_a_while_after(clock):
    found = settled(40_000, was_waited_for=True)

    assert found.batch_size == pytest.approx(40_000 * HOLD_WHILE_WAITED_FOR_S, rel=0.01)
    clock.now += 1
    assert found.batch_size == pytest.approx(40_000 * HOLD_WHILE_WAITED_FOR_S, rel=0.01)
    clock.now += 2
    assert found.batch_size == pytest.approx(40_000 * HOLD_S, rel=0.01)


def test_it_has_its_bounds(clock):
    assert settled(10).batch_size == FEWEST
    assert settled(10_000_000).batch_size == MOST


def test_what_a_small_batch_took_says_nothing(clock):
    found = settled(40_000)
    before = found.batch_size

    found.note(3, 0.01)

    assert found.batch_size == before
