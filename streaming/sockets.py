"""The live socket at /ws/live/. What travels over it is described in ``streaming.frames``."""

import asyncio
import logging
import time
from typing import Any, Final
from weakref import WeakValueDictionary

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from accounts.selectors.audiences import audience_of
from accounts.selectors.live_rows import PlacedRow, newest_seen_from
from accounts.selectors.panels import PANELS
from accounts.selectors.panels.asked import words_sought
from accounts.selectors.positions import Position, current_position
from accounts.selectors.sessions import agents_of_sessions
from accounts.selectors.viewpoints import Viewpoint
from accounts.services.limits import Limited, seconds_to_wait
from streaming import frames
from streaming.connections import Connection, entries_frame
from streaming.feed import MOST_BEHIND, Change, encode_rows, excerpt_of
from streaming.hub import hub
from streaming.origins import is_own_origin

log = logging.getLogger(__name__)

# What a browser that was away is told row by row; beyond this it reads anew.
MOST_MISSED_ROWS: Final = 500
_MESSAGES_AT_ONCE = 40
_MESSAGES_A_SECOND = 4.0

# Of each agent who asks now. What sockets ask for is read by one thread for all of them, so that of
# an agent's windows one has its turn after the other: hundreds keep others waiting as one does.
_turns: Final[WeakValueDictionary[int, asyncio.Lock]] = WeakValueDictionary()


class LiveSocket(AsyncWebsocketConsumer):  # type: ignore[misc] # Channels has no types
    """One browser, signed in by its session, told what its agent may see."""

    def __init__(self) -> None:
        super().__init__()
        self._connection: Connection | None = None
        self._pump: asyncio.Task[None] | None = None
        self._allowance = _Allowance()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Look after one socket, and forget it however that ends.

        Who goes while their message waits for the database is cut off by the web server after a
        while, without a word.
        """
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._forget()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand on what the web server says.

        Channels would first close old connections to the database, in another thread, for each
        of the many messages that ask it nothing. What asks it is run by what closes them.
        """
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        if not is_own_origin(dict(self.scope["headers"])):
            await self.close()
            return
        await self.accept()
        key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        try:
            agent = (await database_sync_to_async(agents_of_sessions)([key])).get(key)
        except DatabaseError:
            await self.close(code=frames.TRY_LATER)
            return
        if agent is None:
            await self.close(code=frames.SIGNED_OUT)
            return
        if not hub().has_room_for(agent.pk):
            await self.close(code=frames.TOO_MANY)
            return
        self._connection = Connection(key, audience_of(agent), agent.pk)
        hub().join(self._connection)
        self._pump = asyncio.create_task(self._send_frames(self._connection))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._connection is None:
            return
        refusal = self._refusal_of(text_data)
        if refusal:
            self._connection.close(refusal)
            return
        try:
            message = frames.read_message(text_data or "")
        except frames.NotAMessage:
            self._connection.close(frames.NOT_UNDERSTOOD)
            return
        if isinstance(message, frames.Received):
            self._connection.note_received(message.count)
            return
        try:
            async with _turns.setdefault(self._connection.agent_id, asyncio.Lock()):
                await _look_at(self._connection, message)
        except DatabaseError:
            self._connection.close(frames.TRY_LATER)
        except Exception:
            # Raised any further, it would leave the hub with a connection that never goes.
            log.exception("A subscription failed; its socket is closed.")
            self._connection.close(frames.TRY_LATER)

    def _forget(self) -> None:
        if self._connection is not None:
            hub().leave(self._connection)
        if self._pump is not None:
            self._pump.cancel()

    def _refusal_of(self, text: str | None) -> int:
        if not self._allowance.take():
            return frames.TOO_MANY
        if text is None:
            return frames.NOT_UNDERSTOOD
        return frames.TOO_LARGE if len(text) > frames.LONGEST_MESSAGE else 0

    async def _send_frames(self, connection: Connection) -> None:
        while (frame := await connection.next_frame()) is not None:
            await self.send(text_data=frame)
        await self.close(code=connection.close_code)


async def _look_at(connection: Connection, wanted: frames.Subscribe) -> None:
    if await _searches_too_often(connection, wanted):
        connection.close(frames.TOO_MANY)
        return
    await _subscribe(connection, wanted)


async def _searches_too_often(connection: Connection, wanted: frames.Subscribe) -> bool:
    """Count what its panels look for, as any search, where they have not looked for it before."""
    if words_sought(wanted.panels) <= words_sought(connection.panels):
        return False
    ask = database_sync_to_async(seconds_to_wait)
    wait_s: int = await ask(connection.agent_id, Limited.SEARCH)
    return wait_s > 0


async def _subscribe(connection: Connection, wanted: frames.Subscribe) -> None:
    panels = {asked.name: asked for asked in wanted.panels if asked.name in PANELS}
    hub().choose(connection, wanted.filter, tuple(panels.values()))
    known = await hub().wait_for_position()
    if wanted.position is not None:
        given = Position.parse(wanted.position)
        if given is None:
            connection.close(frames.NOT_UNDERSTOOD)
            return
        is_known = given.epoch == known.epoch
        known = given
        if not is_known or not await database_sync_to_async(_is_there)(known):
            connection.send_back("epoch")
            return
    if reason := await _catch_up(connection, known, wanted.turn):
        connection.send_back(reason)
    elif connection.panels:
        hub().begin_figures(connection)


async def _catch_up(connection: Connection, known: Position, turn: int) -> frames.Reason | None:
    """Tell what came after ``known``; from then on the hub tells the rest.

    Or give why it cannot: the ledger is another one, or too much has come.
    """
    missed: list[PlacedRow] = []
    reached = known
    # The hub goes on while we read. Nothing is awaited between its last word and ``reached``.
    while True:
        position = await hub().wait_for_position()
        # Before ids are compared: those of a ledger that was replaced say nothing of this one.
        if position.epoch != known.epoch:
            return "epoch"
        if position.entry_id <= reached.entry_id:
            break
        if position.entry_id - reached.entry_id > MOST_BEHIND:
            return "behind"
        missed += await database_sync_to_async(_missed)(connection.viewpoint, reached, position)
        if len(missed) > MOST_MISSED_ROWS:
            return "behind"
        reached = position
    connection.reached = reached.entry_id
    # Were it lost on its way, the browser would come back with the position it has now.
    connection.put(frames.subscribed(known if missed else reached, turn))
    if missed:
        rows = encode_rows(missed)
        change = Change(known.entry_id, reached, rows)
        connection.put(entries_frame(change, excerpt_of(rows)))
    return None


class NoSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Refuses the handshake at every other address."""

    async def connect(self) -> None:
        await self.close()


def _missed(viewpoint: Viewpoint | None, known: Position, position: Position) -> list[PlacedRow]:
    if viewpoint is None:
        return []
    return newest_seen_from(
        viewpoint, after=known.entry_id, until=position.entry_id, limit=MOST_MISSED_ROWS + 1
    )


def _is_there(known: Position) -> bool:
    """Tell whether the ledger has come as far, be it that our feed has not read so far yet."""
    now = current_position()
    return now.epoch == known.epoch and now.entry_id >= known.entry_id


class _Allowance:
    """So many messages at once, and so many a second in the long run."""

    def __init__(self) -> None:
        self._left = float(_MESSAGES_AT_ONCE)
        self._counted_at = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        earned = (now - self._counted_at) * _MESSAGES_A_SECOND
        self._left = min(_MESSAGES_AT_ONCE, self._left + earned) - 1
        self._counted_at = now
        return self._left >= 0
