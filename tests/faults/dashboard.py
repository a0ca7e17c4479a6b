"""A dashboard that notes all it is told, and comes back whenever its connection is gone."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.request import ProxyHandler, Request, build_opener

from tests.faults.websocket import Closed, WebSocket
from tests.processes import wait_until

# A browser says what has arrived; see ``streaming.frames``.
_SAY_EVERY = 8
_MOMENT_S = 0.1


@dataclass(frozen=True)
class Told:
    """What one frame told of the entries in (``after``, ``until``]; or that the page was read."""

    after: int
    until: int
    transaction_ids: tuple[str, ...] = ()
    count: int = 0
    is_complete: bool = True
    is_page: bool = False


@dataclass
class Reached:
    """How far a dashboard has come: the position as the server names it."""

    position: str = ""

    @property
    def entry_id(self) -> int:
        return int(self.position.rpartition(":")[2] or 0)


@dataclass
class Dashboard:
    """An auditor's dashboard, in a thread of its own until it is closed."""

    address: Callable[[], str]
    session_key: str
    told: list[Told] = field(default_factory=list)
    close_codes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reached = Reached()
        self.characters = 0
        self._is_subscribed = threading.Event()
        self._is_present = threading.Event()
        self._is_over = threading.Event()
        self._is_present.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def entry_id(self) -> int:
        """The last entry that it knows of."""
        return self._reached.entry_id

    @property
    def rows(self) -> list[str]:
        """The transactions that it was told of one by one, in that order."""
        return [each for told in self.told for each in told.transaction_ids]

    @property
    def pages_read(self) -> int:
        """How often it had to read its page."""
        return sum(told.is_page for told in self.told)

    def watches(self) -> "Dashboard":
        """Wait until it is told what comes."""
        wait_until(self._is_subscribed.is_set, "the dashboard is connected")
        return self

    @property
    def is_present(self) -> bool:
        """Whether it is connected, or tries to be."""
        return self._is_present.is_set()

    def leave(self) -> None:
        """Begin to cut the connection, and stay away."""
        self._is_present.clear()

    def go_away(self) -> None:
        """Cut the connection, and stay away."""
        self.leave()
        wait_until(lambda: not self._is_subscribed.is_set(), "the dashboard is away")

    def come_back(self) -> None:
        """Connect again with the position that it had."""
        self._is_present.set()

    def close(self) -> None:
        """End it."""
        self._is_over.set()
        self._is_present.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._is_over.is_set():
            if not self._is_present.wait(_MOMENT_S):
                continue
            try:
                self._watch()
            except Closed as end:
                self.close_codes.append(end.code)
            except OSError:
                pass
            self._is_subscribed.clear()
            self._is_over.wait(_MOMENT_S)

    def _watch(self) -> None:
        if not self._reached.position:
            self._read_page()
        socket = WebSocket(self.address(), "/ws/live/", cookie=self._cookie)
        try:
            self._follow(socket)
        finally:
            socket.close()

    def _follow(self, socket: WebSocket) -> None:
        self._subscribe(socket)
        arrived = 0
        socket.wait_at_most(_MOMENT_S)
        while self._is_present.is_set() and not self._is_over.is_set():
            try:
                text = socket.receive()
            except TimeoutError:
                continue
            arrived += 1
            self.characters += len(text)
            if arrived % _SAY_EVERY == 0:
                socket.send(json.dumps({"type": "received", "count": arrived}))
            self._take(json.loads(text), socket)

    def _take(self, frame: dict, socket: WebSocket) -> None:
        if frame["type"] == "reload":
            self._read_page()
            self._subscribe(socket)
        elif frame["type"] == "subscribed":
            self._is_subscribed.set()
            self._move(frame["position"])
        elif frame["type"] == "entries":
            self._note(frame)

    def _note(self, frame: dict) -> None:
        before = self._reached.entry_id
        self._reached = Reached(frame["position"])
        self.told.append(
            Told(
                before,
                self._reached.entry_id,
                tuple(each["transaction_id"] for each in frame["entries"]),
                frame["count"],
                frame["complete"],
            )
        )

    def _move(self, position: str) -> None:
        """Take over where the server begins: it says that there is nothing up to there."""
        before = self._reached.entry_id
        self._reached = Reached(position)
        if self._reached.entry_id != before:
            self.told.append(Told(before, self._reached.entry_id))

    def _read_page(self) -> None:
        before = self._reached.entry_id
        request = Request(f"{self.address()}/dashboard/figures/", headers={"Cookie": self._cookie})
        with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
            self._reached = Reached(json.load(answer)["position"])
        self.told.append(Told(before, self._reached.entry_id, is_page=True))

    def _subscribe(self, socket: WebSocket) -> None:
        socket.send(json.dumps({"type": "subscribe", "position": self._reached.position}))

    @property
    def _cookie(self) -> str:
        return f"sessionid={self.session_key}"
