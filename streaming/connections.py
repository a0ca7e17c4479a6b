"""One browser's end of the live connection: what it may see, and what waits to be sent to it."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

from accounts.selectors.audiences import Audience
from accounts.selectors.filters import Filter
from accounts.selectors.panels.asked import Asked
from accounts.selectors.positions import Position
from accounts.selectors.viewpoints import Viewpoint, viewpoint_of
from streaming import frames
from streaming.feed import Change, Excerpt
from streaming.metrics import FRAMES, FRAMES_DROPPED, RELOADS

# The web server takes whatever it is given and buffers it without end, so a browser says what
# it has received, and gets no more than this ahead of that.
MOST_ON_THE_WAY: Final = 64
MOST_CHARACTERS_ON_THE_WAY: Final = 1_000_000
MOST_QUEUED: Final = 64


class Connection:
    """The frames for one browser, in order, bounded. For the event loop only.

    A browser that reads too slowly loses its queue, and is told to read anew as soon as it
    reads again; others notice nothing. A panel's figures replace those that still wait.
    """

    def __init__(self, session_key: str, audience: Audience | None, agent_id: int) -> None:
        self.session_key = session_key
        self.agent_id = agent_id
        self.audience = audience
        self.chosen: Filter | None = None
        # From where the browser looks; None for who may see no customer data.
        self.viewpoint = self._seen_through(None)
        self.panels: tuple[Asked, ...] = ()
        # The last entry told of; None while nothing may be told.
        self.reached: int | None = None
        self.close_code: int | None = None
        self._queue: deque[str] = deque()
        self._figures: dict[str, str] = {}
        self._figures_position: Position | None = None
        self._is_unreadable = False
        self._on_the_way: deque[int] = deque()
        self._received = 0
        self._is_behind = False
        self._wake = asyncio.Event()

    def put(self, frame: str) -> None:
        """Queue ``frame``."""
        if self._is_behind:
            return
        if len(self._queue) >= MOST_QUEUED:
            self._fall_behind()
            return
        self._queue.append(frame)
        self._wake.set()

    def choose(self, chosen: Filter | None, panels: tuple[Asked, ...]) -> None:
        """Take another filter and other panels. Nothing is told before it is subscribed.

        Of a connection that has joined the hub, ``Hub.choose`` is to be asked.
        """
        self.chosen, self.panels = chosen, panels
        self.viewpoint = self._seen_through(chosen)
        self.reached = None
        self._forget_figures()

    def put_figures(self, position: Position, encoded: Mapping[str, str]) -> None:
        """Queue what panels show, as of ``position``, in place of what is queued of them."""
        self._figures |= encoded
        self._figures_position = position
        self._is_unreadable = False
        self._wake.set()

    def put_unreadable(self) -> None:
        """Queue that the figures cannot be read, in place of those that are queued."""
        self._forget_figures()
        self._is_unreadable = True
        self._wake.set()

    def tell(self, change: Change, excerpt: Excerpt | None, frame: str) -> None:
        """Queue what ``change`` brings and this browser has not seen.

        ``frame`` is the whole ``excerpt``, encoded once for all who need just that.
        """
        reached, last = self.reached, change.position.entry_id
        if reached is None or reached >= last:
            return
        if excerpt is None or (reached > change.after and not excerpt.complete):
            self.send_back("behind")
            return
        if reached > change.after:
            excerpt = excerpt.after(reached)
            frame = entries_frame(change, excerpt)
        self.reached = last
        if excerpt.rows:
            self.put(frame)

    def send_back(self, reason: frames.Reason) -> None:
        """Tell the browser to read anew; tell it nothing more until it subscribes again."""
        self.reached = None
        self._forget_figures()
        RELOADS.add(1, reason)
        self.put(frames.reload(reason))

    def close(self, code: int) -> None:
        """End the connection: nothing that is queued goes out any more."""
        self.close_code = code
        self._wake.set()

    def note_received(self, count: int) -> None:
        """Take the browser's word for how many frames have arrived in all."""
        while self._received < count and self._on_the_way:
            self._on_the_way.popleft()
            self._received += 1
        self._wake.set()

    async def next_frame(self) -> str | None:
        """Wait for the next frame to send; None when the connection is to be closed."""
        while self.close_code is None:
            if (frame := self._take()) is not None:
                self._on_the_way.append(len(frame))
                FRAMES.add()
                return frame
            self._wake.clear()
            await self._wake.wait()
        return None

    def _seen_through(self, chosen: Filter | None) -> Viewpoint | None:
        return viewpoint_of(self.audience, chosen) if self.audience else None

    def _take(self) -> str | None:
        if not self._has_room():
            return None
        if self._is_behind:
            self._is_behind = False
            self.send_back("behind")
        if self._queue:
            return self._queue.popleft()
        return self._take_figures()

    def _take_figures(self) -> str | None:
        if self._is_unreadable:
            self._is_unreadable = False
            return frames.unreadable()
        if self._figures_position is None or not self._figures:
            return None
        frame = frames.figures(self._figures_position, self._figures)
        self._forget_figures()
        return frame

    def _forget_figures(self) -> None:
        self._figures = {}
        self._is_unreadable = False

    def _has_room(self) -> bool:
        return (
            len(self._on_the_way) < MOST_ON_THE_WAY
            and sum(self._on_the_way) < MOST_CHARACTERS_ON_THE_WAY
        )

    def _fall_behind(self) -> None:
        self._is_behind = True
        FRAMES_DROPPED.add(len(self._queue))
        self._queue.clear()
        self.reached = None
        self._forget_figures()


def entries_frame(change: Change, excerpt: Excerpt) -> str:
    """Encode what an audience sees of ``change``."""
    return frames.entries(
        change.position,
        (row.text for row in excerpt.rows),
        count=excerpt.count,
        complete=excerpt.complete,
    )
