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

    Work goes in rounds, in which each agent has one filter read, and as many panels as one window
    shows: whoever looks through fifty waits for fifty rounds, and everybody else for one.
    """

    def __init__(self, connections: Callable[[], Iterable[Connection]]) -> None:
        self._connections = connections
        self._sent: dict[Wanted, Mapping[Asked, str]] = {}
        self._unreadable: set[Wanted] = set()
        self._new: set[Connection] = set()
        # For whom was read since the last change, so that nothing need be read again.
        self._fresh: set[Connection] = set()
        self._last_turn: dict[Connection, int] = {}
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
        for wanted in sorted(watching, key=lambda wanted: min(map(self._place, watching[wanted]))):
            connections = watching[wanted]
            due = connections - self._fresh if is_due else set[Connection]()
            due |= connections & self._new
            taken = self._in_their_turn(due, served)
            if due - taken:
                self._go_on(due - taken)
            if taken:
                served |= {connection.agent_id for connection in taken}
                waiting = taken & self._new
                self._new -= waiting
                self._fresh |= taken
                self._turn += 1
                self._last_turn |= dict.fromkeys(taken, self._turn)
                await self._send(wanted, connections, taken, waiting)
        if is_due:
            now = time.monotonic()
            self._next_round = now + max(LEAST_GAP_S, _GAP_TO_COST * (now - began))

    def _place(self, connection: Connection) -> tuple[bool, int]:
        """Order who has just chosen first, and then those for whom was read longest ago."""
        return connection not in self._new, self._last_turn.get(connection, 0)

    def _in_their_turn(self, due: Collection[Connection], served: set[int]) -> set[Connection]:
        """Give those of ``due`` for whom is read now.

        Of each agent who had no turn in this round, windows with no more panels in all than one
        may have; and whoever asks for none but what these ask for.
        """
        shares: defaultdict[int, set[Asked]] = defaultdict(set)
        for connection in sorted(due, key=self._place):
            share = shares[connection.agent_id]
            with_it = share.union(connection.panels)
            if connection.agent_id not in served and len(with_it) <= frames.MOST_PANELS:
                share |= with_it
        read = set().union(*shares.values())
        return {connection for connection in due if read.issuperset(connection.panels)}

    def _go_on(self, left: Collection[Connection]) -> None:
        """Let a round follow for what had no turn in this one."""
        self._changed.set()
        if not self._new.isdisjoint(left):
            self._begun.set()

    def _forget_all_but(self, watching: Mapping[Wanted, set[Connection]]) -> None:
        there: set[Connection] = set().union(*watching.values())
        self._fresh &= there
        self._last_turn = {each: turn for each, turn in self._last_turn.items() if each in there}
        self._sent = {wanted: sent for wanted, sent in self._sent.items() if wanted in watching}
        self._unreadable.intersection_update(watching)

    async def _send(
        self,
        wanted: Wanted,
        connections: set[Connection],
        taken: set[Connection],
        waiting: set[Connection],
    ) -> None:
        """Read what ``taken`` look at; tell all ``connections`` of what has changed of it."""
        panels = {asked for connection in taken for asked in connection.panels}
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
        shown = {asked for connection in connections for asked in connection.panels}
        self._sent[wanted] = {
            asked: text for asked, text in {**sent, **encoded}.items() if asked in shown
        }
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
        self._fresh -= connections
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
