"""A line between a browser and a portal that is cut, stalls and lags, but only for its sockets."""

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_CHUNK: Final = 65_536


@dataclass
class _Line:
    """One socket's connection, from the browser and on to the portal."""

    browser: socket.socket
    portal: socket.socket
    is_socket: bool
    goes_on: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        for each in (self.browser, self.portal):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class BadLine:
    """Passes on all that comes to ``url``. What the portal sends by a socket can be held up."""

    def __init__(self, portal_url: str, chance: random.Random) -> None:
        self._portal = ("127.0.0.1", int(portal_url.rpartition(":")[2]))
        self._chance = chance
        self._lines: list[_Line] = []
        self._threads: list[threading.Thread] = []
        self._is_refusing = False
        self._lag_s = 0.0
        self.sockets = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def cut(self, *, refuse: bool = False) -> None:
        """Cut every socket; where told, let none come back for now."""
        self._is_refusing = refuse
        for line in self._sockets():
            line.end()

    def stall(self) -> None:
        """Hold up what the portal sends by the sockets that there are; new ones are well."""
        for line in self._sockets():
            line.goes_on.clear()

    def lag(self, seconds: float) -> None:
        """Let each piece of what the portal sends take up to so long."""
        self._lag_s = seconds

    def mend(self) -> None:
        """Let all pass again, and what was held up arrive."""
        self._is_refusing = False
        self._lag_s = 0.0
        for line in self._lines:
            line.goes_on.set()

    def close(self) -> None:
        """End every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self.mend()
        for line in self._lines:
            line.end()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _sockets(self) -> list[_Line]:
        return [line for line in self._lines if line.is_socket]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _address = self._listener.accept()
                self._start(self._join, browser)

    def _join(self, browser: socket.socket) -> None:
        with browser, suppress(OSError):
            asked = browser.recv(_CHUNK)
            if is_socket := asked.startswith(b"GET /ws/"):
                self.sockets += 1
            if is_socket and self._is_refusing:
                return
            line = _Line(browser, socket.create_connection(self._portal), is_socket)
            line.goes_on.set()
            self._lines.append(line)
            line.portal.sendall(asked)
            asking = self._start(self._ask, line)
            self._answer(line)
            asking.join()
            line.portal.close()

    def _ask(self, line: _Line) -> None:
        with suppress(OSError):
            while sent := line.browser.recv(_CHUNK):
                line.portal.sendall(sent)
        line.end()

    def _answer(self, line: _Line) -> None:
        with suppress(OSError):
            while sent := line.portal.recv(_CHUNK):
                if line.is_socket:
                    time.sleep(self._lag_s * self._chance.random())
                    line.goes_on.wait()
                line.browser.sendall(sent)
        line.end()

    def _start(self, work: Callable[..., None], *details: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=details, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread
