"""Keeps the figures up to date that somebody is looking at."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from accounts.selectors.audiences import Audience
from accounts.selectors.filters import Filter
from accounts.selectors.panels import Asked, read_panels
from accounts.selectors.positions import Position, current_position
from accounts.selectors.snapshot import snapshot
from streaming import frames
from streaming.connections import Connection
from streaming.metrics import FIGURES_SECONDS

log = logging.getLogger(__name__)

# Charts change at most four times a second, and reading takes at most a quarter of one thread.
LEAST_GAP_S: Final = 0.25
_GAP_TO_COST = 3
# Days and the last hour go by without a commit.
_LONGEST_GAP_S = 30.0
_ASK_AGAIN_S = 1.0

Wanted = tuple[Audience, Filter]


class LiveFigures:
    """Reads each panel of each audience and filter once, however many look at it.

    Sent when it differs from what was sent before. Somebody who has just chosen gets all panels
    at once; after that they follow the database. Where they cannot be read, for whatever reason,
    those who look at them are told so once and nobody else notices; they are asked for again.

    Work goes in rounds, in which each agent has one filter read: whoever looks through fifty
    waits for fifty rounds, and everybody else for one.
    """

    def __init__(self, connections: Callable[[], Iterable[Connection]]) -> None:
        self._connections = connections
        self._sent: dict[Wanted, Mapping[Asked, str]] = {}
        self._unreadable: set[Wanted] = set()
        self._new: set[Connection] = set()
        # What was read since the last change need not be read again.
        self._fresh: set[Wanted] = set()
        self._last_turn: dict[Wanted, int] = {}
        self._turn = 0
        self._changed = asyncio.Event()
        self._begun = asyncio.Event()
        self._next_round = 0.0

    def note_commit(self) -> None:
        """Say that figures may have changed."""
        self._fresh.clear()
        self._changed.set()

    def begin(self, connection: Connection) -> None:
        """Say that ``connection`` has chosen its panels and has no figures for them yet."""
        self._new.add(connection)
        self._changed.set()
        self._begun.set()

    def forget(self, connection: Connection) -> None:
        """Say that ``connection`` has gone."""
        self._new.discard(connection)

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._something_to_do()
            await self._round()

    async def _something_to_do(self) -> None:
        if not await _is_set(self._changed, _LONGEST_GAP_S):
            self._fresh.clear()
        # A new filter does not wait for the round.
        await _is_set(self._begun, self._next_round - time.monotonic())

    async def _round(self) -> None:
        began = time.monotonic()
        is_due = began >= self._next_round
        self._begun.clear()
        if is_due:
            self._changed.clear()
        watching = self._watching()
        self._forget_all_but(watching)
        served: set[int] = set()
        for wanted in self._in_turn(watching):
            connections = watching[wanted]
            waiting = connections & self._new
            if not waiting and (not is_due or wanted in self._fresh):
                continue
            agents = {connection.agent_id for connection in connections}
            if agents <= served:
                self._go_on(waiting)
                continue
            served |= agents
            self._new -= waiting
            self._turn += 1
            self._last_turn[wanted] = self._turn
            self._fresh.add(wanted)
            await self._send(wanted, connections, waiting)
        if is_due:
            now = time.monotonic()
            self._next_round = now + max(LEAST_GAP_S, _GAP_TO_COST * (now - began))

    def _in_turn(self, watching: Mapping[Wanted, set[Connection]]) -> list[Wanted]:
        """Give who has just chosen first, and then what was read longest ago."""
        return sorted(
            watching,
            key=lambda wanted: (
                self._new.isdisjoint(watching[wanted]),
                self._last_turn.get(wanted, 0),
            ),
        )

    def _go_on(self, waiting: Collection[Connection]) -> None:
        """Let a round follow for what had no turn in this one."""
        self._changed.set()
        if waiting:
            self._begun.set()

    def _forget_all_but(self, watching: Collection[Wanted]) -> None:
        self._sent = {wanted: sent for wanted, sent in self._sent.items() if wanted in watching}
        self._last_turn = {
            wanted: turn for wanted, turn in self._last_turn.items() if wanted in watching
        }
        self._unreadable.intersection_update(watching)
        self._fresh.intersection_update(watching)

    async def _send(
        self, wanted: Wanted, connections: set[Connection], waiting: set[Connection]
    ) -> None:
        panels = {asked for connection in connections for asked in connection.panels}
        read = database_sync_to_async(_read, thread_sensitive=False)
        began = time.monotonic()
        try:
            position, encoded = await read(*wanted, panels)
        except Exception as reason:
            # Whatever is wrong with one filter, the figures of the others go on.
            self._note_unreadable(wanted, connections, waiting, reason)
            return
        FIGURES_SECONDS.observe(time.monotonic() - began)
        sent = self._sent.get(wanted, {})
        changed = {asked: text for asked, text in encoded.items() if sent.get(asked) != text}
        self._sent[wanted] = encoded
        self._unreadable.discard(wanted)
        for connection in _still_there(connections, wanted):
            fresh = encoded if connection in waiting else changed
            own = {asked.name: fresh[asked] for asked in connection.panels if asked in fresh}
            if own:
                connection.put_figures(position, own)

    def _note_unreadable(
        self,
        wanted: Wanted,
        connections: set[Connection],
        waiting: set[Connection],
        reason: Exception,
    ) -> None:
        is_known = wanted in self._unreadable
        if not is_known:
            is_databases = isinstance(reason, DatabaseError)
            log.warning("Figures cannot be read: %s", reason, exc_info=not is_databases)
        self._unreadable.add(wanted)
        # All get the figures once these can be read.
        self._sent.pop(wanted, None)
        for connection in _still_there(waiting if is_known else connections, wanted):
            connection.put_unreadable()
        self._fresh.discard(wanted)
        asyncio.get_running_loop().call_later(_ASK_AGAIN_S, self._changed.set)

    def _watching(self) -> dict[Wanted, set[Connection]]:
        watching: dict[Wanted, set[Connection]] = defaultdict(set)
        for connection in self._connections():
            if connection.audience and connection.panels and connection.reached is not None:
                watching[connection.audience, connection.chosen or Filter()].add(connection)
        return watching


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    """Wait for it so long at most; tell whether it came."""
    if seconds > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
    return event.is_set()


def _still_there(connections: Iterable[Connection], wanted: Wanted) -> list[Connection]:
    """Leave out who has chosen otherwise, or been sent back, while we read."""
    return [
        connection
        for connection in connections
        if connection.reached is not None and (connection.chosen or Filter()) == wanted[1]
    ]


def _read(
    audience: Audience, chosen: Filter, panels: Collection[Asked]
) -> tuple[Position, dict[Asked, str]]:
    with snapshot():
        shown = read_panels(audience.member(), chosen, panels)
        return current_position(), {asked: frames.encoded(each) for asked, each in shown.items()}
