"""Whose figures are read when many filters are looked through."""

import asyncio
from contextlib import suppress

import pytest

from accounts.selectors.audiences import Audience
from accounts.selectors.filters import Filter
from accounts.selectors.panels import Asked
from accounts.selectors.positions import Position
from streaming import frames, live_figures
from streaming.connections import Connection
from streaming.live_figures import LiveFigures

BANK = Audience(branch_id=None)
GREEDY, OTHER = 1, 2


def looking(agent_id: int, name: str) -> Connection:
    """One window of an agent, with a filter of its own."""
    connection = Connection("a session", BANK, agent_id)
    connection.choose(Filter(agent=name), (Asked("totals"),))
    connection.reached = 0
    return connection


class Reads:
    """The names of the filters that are read, in order; more follow when they are let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self._read = asyncio.Queue[str]()
        self._loop = asyncio.get_running_loop()
        monkeypatch.setattr(live_figures, "_read", self._note)
        monkeypatch.setattr(live_figures, "LEAST_GAP_S", 0)
        monkeypatch.setattr(live_figures, "_GAP_TO_COST", 0)

    def _note(self, _audience: Audience, chosen: Filter, _panels: object) -> object:
        self._loop.call_soon_threadsafe(self._read.put_nowait, chosen.agent)
        return Position("an epoch", 1), {}

    async def next(self, number: int) -> list[str]:
        return [await asyncio.wait_for(self._read.get(), 20) for _ in range(number)]


@pytest.fixture
async def figures(monkeypatch):
    windows = [looking(GREEDY, f"filter {number}") for number in range(10)]
    windows.append(looking(OTHER, "other"))
    figures = LiveFigures(lambda: windows)
    for each in windows:
        figures.begin(each)
    task = asyncio.create_task(figures.run())
    yield figures
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_whoever_looks_through_many_filters_keeps_nobody_else_waiting(figures, monkeypatch):
    reads = Reads(monkeypatch)

    assert "other" in await reads.next(2)
    await reads.next(9)
    figures.note_commit()
    followed = await reads.next(11)

    # One of the greedy agent's may have been under way.
    assert "other" in followed[:3]
    assert len(set(followed)) == 11


async def test_filters_that_are_chosen_without_end_stop_no_figures_from_following(
    figures, monkeypatch
):
    reads = Reads(monkeypatch)
    monkeypatch.setattr(live_figures, "LEAST_GAP_S", 1)
    await reads.next(11)
    figures.note_commit()
    restless = next(iter(figures._connections()))
    figures.begin(restless)

    async with asyncio.timeout(10):
        while await reads.next(1) != ["other"]:
            figures.begin(restless)


async def test_each_filter_has_its_turn_though_commits_never_pause(figures, monkeypatch):
    reads = Reads(monkeypatch)
    await reads.next(11)

    seen: set[str] = set()
    for _ in range(60):
        figures.note_commit()
        seen.update(await reads.next(1))

    assert len(seen) == 11


async def test_many_windows_of_one_filter_are_read_as_slowly_as_many_filters(monkeypatch):
    """Red where all panels of a filter are read in one round, however many an agent asks for."""
    windows = [looking(GREEDY, "one") for _ in range(8)]
    for number, each in enumerate(windows):
        each.panels = tuple(Asked("heat", page=number * 12 + n) for n in range(12))
    other, second = looking(OTHER, "one"), looking(OTHER, "one")
    read: list[frozenset[Asked]] = []

    def note(_audience, _chosen, panels):
        read.append(frozenset(panels))
        return Position("an epoch", 1), {asked: frames.encoded(asked) for asked in panels}

    monkeypatch.setattr(live_figures, "_read", note)
    figures = LiveFigures(lambda: [*windows, other, second])
    for each in (*windows, other, second):
        figures.begin(each)

    await figures._round()
    assert len(read) == 1
    assert set(other.panels) < read[0]
    assert len(read[0]) <= frames.MOST_PANELS + 1
    while figures._new:
        await figures._round()
        assert len(read[-1]) <= frames.MOST_PANELS

    # Two windows of twelve panels at a time, and nothing of the other agent's again.
    assert len(read) == 4
    assert read[-1].isdisjoint(other.panels)
    assert len(frozenset().union(*read)) == 8 * 12 + 1
