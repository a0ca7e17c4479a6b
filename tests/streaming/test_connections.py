"""A browser that reads slowly: bounded, told to read anew, and no burden to others."""

import asyncio
import json

import pytest

from accounts.selectors.audiences import Audience
from accounts.selectors.filters import Filter
from accounts.selectors.panels import Asked
from accounts.selectors.positions import Position
from accounts.selectors.viewpoints import Viewpoint
from streaming.connections import MOST_ON_THE_WAY, MOST_QUEUED, Connection, entries_frame
from streaming.feed import Change, EncodedRow

BANK = Audience(None)
FROM_BANK = Viewpoint(BANK)


def change(entry_id: int) -> Change:
    row = EncodedRow(entry_id, None, True, f'{{"n":{entry_id}}}')
    return Change(entry_id - 1, Position("1", entry_id), (row,))


def told(connection: Connection, entry_id: int) -> None:
    news = change(entry_id)
    excerpt = news.seen_from(FROM_BANK)
    connection.tell(news, excerpt, entries_frame(news, excerpt))


@pytest.fixture
async def connection() -> Connection:
    subscribed = Connection("a session", BANK, agent_id=1)
    subscribed.reached = 0
    return subscribed


async def sent(connection: Connection) -> list[dict]:
    """All that goes out before the connection waits."""
    frames = []
    while True:
        try:
            async with asyncio.timeout(0.05):
                frames.append(json.loads(await connection.next_frame()))
        except TimeoutError:
            return frames


def numbers(frames: list[dict]) -> list[int]:
    return [row["n"] for frame in frames for row in frame.get("entries", ())]


@pytest.mark.fault("20")
async def test_a_browser_that_is_silent_gets_no_more_than_fits_on_the_way(connection):
    for entry_id in range(1, MOST_ON_THE_WAY + 11):
        told(connection, entry_id)
        if entry_id <= MOST_ON_THE_WAY:
            await connection.next_frame()

    frames = await sent(connection)

    assert frames == []


async def test_what_waits_goes_out_in_order_when_the_browser_reads_again(connection):
    first = []
    for entry_id in range(1, MOST_ON_THE_WAY + 11):
        told(connection, entry_id)
        first += await sent(connection) if entry_id == MOST_ON_THE_WAY else []
    connection.note_received(MOST_ON_THE_WAY)

    frames = first + await sent(connection)

    assert numbers(frames) == list(range(1, MOST_ON_THE_WAY + 11))


async def test_a_browser_too_far_behind_is_told_to_read_anew_and_nothing_else(connection):
    for entry_id in range(1, MOST_QUEUED + 2):
        told(connection, entry_id)
    for entry_id in range(1_000, 9_000):
        told(connection, entry_id)

    frames = await sent(connection)

    assert frames == [{"type": "reload", "reason": "behind"}]
    assert connection.reached is None


async def test_figures_replace_those_that_still_wait(connection):
    for number in range(500):
        connection.put_figures(Position("1", number), {"totals": f"{number}"})
    connection.put_figures(Position("1", 500), {"heat": "1"})

    frames = await sent(connection)

    assert [(frame["position"], frame["figures"]) for frame in frames] == [
        ("1:500", {"totals": 499, "heat": 1})
    ]


async def test_figures_of_another_filter_are_forgotten_when_one_is_chosen(connection):
    connection.put_figures(Position("1", 1), {"totals": "1"})

    connection.choose(Filter(range="today"), (Asked("heat"),))

    assert await sent(connection) == []


async def test_long_frames_count_by_their_length(connection):
    for _ in range(4):
        connection.put(json.dumps({"type": "entries", "text": "x" * 400_000}))

    frames = await sent(connection)

    assert len(frames) == 3


async def test_a_row_that_was_caught_up_with_is_left_out_of_the_change_that_brings_it(connection):
    rows = tuple(EncodedRow(n, None, True, f'{{"n":{n}}}') for n in (4, 5, 6))
    news = Change(3, Position("1", 6), rows)
    connection.reached = 5

    connection.tell(news, news.seen_from(FROM_BANK), entries_frame(news, news.seen_from(FROM_BANK)))
    frames = await sent(connection)

    assert numbers(frames) == [6]
    assert frames[0]["count"] == 1


async def test_a_change_that_was_seen_already_is_not_told_again(connection):
    connection.reached = 6

    told(connection, 6)

    assert await sent(connection) == []


async def test_a_closed_connection_sends_nothing_more(connection):
    told(connection, 1)

    connection.close(4401)

    assert await connection.next_frame() is None
