"""Who is listening in this web process, and what each is told. One hub an event loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.utils import timezone

from accounts.selectors.audiences import audience_of
from accounts.selectors.delays import Delays, delays
from accounts.selectors.filters import Filter
from accounts.selectors.panels.asked import Asked
from accounts.selectors.positions import Position
from accounts.selectors.sessions import agents_of_sessions
from accounts.selectors.viewpoints import Viewpoint
from streaming import frames
from streaming.connections import Connection, entries_frame
from streaming.feed import Change, Excerpt, LedgerFeed
from streaming.live_figures import LiveFigures
from streaming.metrics import SOCKETS

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 5.0
# While something waits, a commit may have concluded it, and the heartbeat follows at once: nobody
# is to read that what is posted still waits. A browser answers each one, hence no more often.
_BEAT_AGAIN_S = 1.0
# Rights are asked for this often, so that a lost one shows within five seconds.
CHECK_RIGHTS_S: Final = 3.0
_CHECK_AGAIN_S = 0.5
_RIGHTS_UNKNOWN_S = 5.0
# While the database has not answered for as long, no heartbeat says that all is well.
_SILENT_AFTER_S = 8.0
# More windows than anybody looks at, in however many browsers. Each filter costs reads that all
# others wait for: a thread looks through each of them what the ledger has gained.
MOST_OF_AN_AGENT: Final = 50
# Another page follows a moment after the last one, so the feed waits before it rests.
_LINGER_S = 20.0


class Hub:
    """The registry of open connections, and the work that goes on while there are any.

    Lives in the event loop, and starts the ledger feed with the first connection, since
    Daphne tells nobody when it starts. What a feed says is taken into the loop in its order.
    """

    def __init__(self) -> None:
        self.position: Position | None = None
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        # Who looks from where: what is told costs by viewpoint, and little by connection.
        self._lookers: dict[Viewpoint, set[Connection]] = {}
        # What the feed reads for. Replaced, never changed, since the feed's thread reads it.
        self.viewpoints: frozenset[Viewpoint] = frozenset()
        self._figures = LiveFigures(lambda: self._connections)
        self._feed: LedgerFeed | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_position = asyncio.Event()
        # Set by a commit where the last heartbeat said that something waits.
        self._may_be_concluded = asyncio.Event()
        self._last_said = Delays(None, None)
        self._rest: asyncio.TimerHandle | None = None

    def has_room_for(self, agent_id: int) -> bool:
        """Tell whether one more connection of an agent can be looked after."""
        own = (each for each in self._connections if each.agent_id == agent_id)
        return sum(1 for _each in own) < MOST_OF_AN_AGENT

    def join(self, connection: Connection) -> None:
        """Take a connection in. It is told nothing before it has subscribed."""
        self._connections.add(connection)
        self._let_look(connection)
        SOCKETS.set(len(self._connections))
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self._feed is None:
            self._start()

    def leave(self, connection: Connection) -> None:
        """Let a connection go."""
        self._connections.discard(connection)
        SOCKETS.set(len(self._connections))
        self._figures.forget(connection)
        self._look_away(connection)
        if not self._connections and self._rest is None:
            self._rest = self._loop.call_later(_LINGER_S, self.stop)

    def choose(
        self, connection: Connection, chosen: Filter | None, panels: tuple[Asked, ...]
    ) -> None:
        """Let a connection look through another filter, at other panels."""
        self._look_away(connection)
        connection.choose(chosen, panels)
        # It may have gone while its subscription was on its way.
        if connection in self._connections:
            self._let_look(connection)

    def _let_look(self, connection: Connection) -> None:
        viewpoint = connection.viewpoint
        if viewpoint is None:
            return
        if viewpoint not in self._lookers:
            self.viewpoints |= {viewpoint}
        self._lookers.setdefault(viewpoint, set()).add(connection)

    def _look_away(self, connection: Connection) -> None:
        viewpoint = connection.viewpoint
        if viewpoint is None or viewpoint not in self._lookers:
            return
        self._lookers[viewpoint].discard(connection)
        if not self._lookers[viewpoint]:
            del self._lookers[viewpoint]
            self.viewpoints -= {viewpoint}

    async def wait_for_position(self) -> Position:
        """Wait for the feed to have begun; give how far it has come."""
        while self.position is None:
            await self._has_position.wait()
        return self.position

    def begin_figures(self, connection: Connection) -> None:
        """Send ``connection`` the figures of its panels, and keep them up to date."""
        self._figures.begin(connection)

    def stop(self) -> LedgerFeed | None:
        """End what goes on in the background; the next connection starts it again."""
        feed, self._feed = self._feed, None
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self.position = None
        self._has_position.clear()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if feed is not None:
            feed.stop()
        return feed

    def _start(self) -> None:
        feed = LedgerFeed(
            viewpoints=lambda: self.viewpoints,
            on_change=lambda change: self._from_feed(self._deliver, feed, change),
            on_commit=lambda: self._from_feed(self._note_commit, feed),
            on_failure=lambda error: self._from_feed(self._note_failure, feed, error),
        )
        self._feed = feed
        feed.start()
        self._go_on(self._beat())
        self._go_on(self._check_rights())
        self._go_on(self._figures.run())

    def _go_on(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._start_over(error)

    def _note_failure(self, feed: LedgerFeed, error: Exception) -> None:
        if feed is self._feed:
            self._start_over(error)

    def _start_over(self, error: BaseException) -> None:
        # Nobody may go on believing what is no longer looked after: they connect again.
        log.error("The hub starts over.", exc_info=error)
        self._close_all(frames.TRY_LATER)
        self.stop()

    def _from_feed(self, act: Callable[..., None], *details: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *details)

    def _note_commit(self, feed: LedgerFeed) -> None:
        if feed is not self._feed:
            return
        self._figures.note_commit()
        if self._last_said.are_any:
            self._may_be_concluded.set()

    def _deliver(self, feed: LedgerFeed, change: Change) -> None:
        if feed is not self._feed:
            return
        self.position = change.position
        self._has_position.set()
        if change.is_break:
            for connection in self._connections:
                if connection.reached is not None:
                    connection.send_back("epoch")
            return
        for viewpoint, lookers in self._lookers.items():
            told = _seen_from(viewpoint, change)
            for connection in lookers:
                connection.tell(change, *told)

    async def _beat(self) -> None:
        while True:
            await self._rest_between_beats()
            try:
                waiting = await database_sync_to_async(delays, thread_sensitive=False)()
            except DatabaseError as reason:
                log.warning("No heartbeat is sent: %s", reason)
                continue
            if self.position is None or not self._is_fresh():
                continue
            beat = frames.heartbeat(self.position, waiting, now=timezone.localtime())
            self._last_said = waiting
            for connection in self._connections:
                if connection.reached is not None:
                    connection.put(beat)

    async def _rest_between_beats(self) -> None:
        await asyncio.sleep(_BEAT_AGAIN_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._may_be_concluded.wait(), HEARTBEAT_S - _BEAT_AGAIN_S)
        self._may_be_concluded.clear()

    def _is_fresh(self) -> bool:
        return self._feed is not None and self._feed.seconds_since_look < _SILENT_AFTER_S

    async def _check_rights(self) -> None:
        confirmed, pause_s = self._loop.time(), CHECK_RIGHTS_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._close_who_lost_rights()
                confirmed, pause_s = self._loop.time(), CHECK_RIGHTS_S
            except DatabaseError as reason:
                pause_s = _CHECK_AGAIN_S
                is_late = self._loop.time() - confirmed > _RIGHTS_UNKNOWN_S - _CHECK_AGAIN_S
                if is_late and self._connections:
                    # A right that cannot be asked for is not taken for granted.
                    log.warning("Rights cannot be checked (%s); sockets are closed.", reason)
                    self._close_all(frames.TRY_LATER)

    async def _close_who_lost_rights(self) -> None:
        checked = list(self._connections)
        keys = {connection.session_key for connection in checked}
        agents = await database_sync_to_async(agents_of_sessions, thread_sensitive=False)(keys)
        for connection in checked:
            agent = agents.get(connection.session_key)
            if agent is None:
                connection.close(frames.SIGNED_OUT)
            elif audience_of(agent) != connection.audience:
                connection.close(frames.RIGHTS_CHANGED)

    def _close_all(self, code: int) -> None:
        for connection in self._connections:
            connection.close(code)


def _seen_from(viewpoint: Viewpoint, change: Change) -> tuple[Excerpt | None, str]:
    excerpt = change.seen_from(viewpoint)
    return excerpt, entries_frame(change, excerpt) if excerpt is not None else ""


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Give the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
