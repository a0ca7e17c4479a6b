"""Daphne, with bounds on what a client may send and on how long it may take over it.

Daphne hands a request on when all of it has come, and keeps it in a temporary file till then:
without a bound anybody could fill the disk, or hold connections open by sending a byte a minute.
It takes whatever an application answers, too: a client that reads slowly would have the rest of
a long file kept in memory.
"""

import asyncio
from typing import Any, Final

from daphne import http_protocol
from daphne import server as daphne_server
from daphne.cli import CommandLineInterface
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from bankportal.kept import keep_connections

# Our largest form, a dashboard's layout, takes some ten thousand bytes.
LARGEST_BODY: Final = 256 * 1024
# From the first byte of a request to its last one.
ARRIVED_WITHIN_S: Final = 30
# Between requests, while a page is kept open.
IDLE_S: Final = 60
# For what was sent, at most some hundred thousand bytes, to leave us.
TAKEN_WITHIN_S: Final = 120

_TOO_LARGE: Final = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class BoundedRequest(http_protocol.WebRequest):  # type: ignore[misc] # Daphne is untyped
    """A request whose body ends at ``LARGEST_BODY``."""

    _body_length = 0

    def __repr__(self) -> str:
        """Say no address: Daphne logs this of a request whose reader has gone."""
        return f"<{type(self).__name__} at {id(self):#x}>"

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Refuse what is announced as too large before any of it is taken."""
        super().gotLength(0 if self._is_too_large(length or 0) else length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Take a part of the body, as far as it may go."""
        self._body_length += len(data)
        if not self._is_too_large(self._body_length):
            super().handleContentChunk(data)

    def _is_too_large(self, length: int) -> bool:
        if length <= LARGEST_BODY:
            return False
        if not self.channel.is_refused:
            self.channel.refuse(_TOO_LARGE)
        return True


class BoundedChannel(HTTPChannel):
    """One client's connection. A request has to arrive in time, however it is dealt out."""

    requestFactory = BoundedRequest  # noqa: N815
    is_refused = False
    _deadline: Any = None
    _taking: Any = None

    def __init__(self) -> None:
        super().__init__()
        self._has_room = asyncio.Event()
        self._has_room.set()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes; the first of a request start its time."""
        if self.is_refused:
            return
        if self._deadline is None and not self._handlingRequest:
            self._deadline = self.callLater(ARRIVED_WITHIN_S, self._give_up)
        super().dataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802
        """Hand on the request that is complete, unless it was refused."""
        self._stop_clock()
        if not self.is_refused:
            super().allContentReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Forget the client."""
        self._stop_clock()
        self._make_room()
        super().connectionLost(reason)

    def pauseProducing(self) -> None:  # noqa: N802
        """Note that more was sent than has left us; what has not left us in time never does."""
        self._has_room.clear()
        if self._taking is None:
            self._taking = self.callLater(TAKEN_WITHIN_S, self._give_up_reader)
        super().pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """Note that all has left us."""
        self._make_room()
        super().resumeProducing()

    async def room(self) -> None:
        """Wait until what was sent has left us, or will never do so."""
        await self._has_room.wait()

    def refuse(self, answer: bytes) -> None:
        """Say why, and hear nothing more."""
        self.is_refused = True
        self._stop_clock()
        transport: Any = self.transport
        transport.write(answer)
        self.loseConnection()

    def _give_up(self) -> None:
        self._deadline = None
        self.is_refused = True
        self.forceAbortClient()

    def _give_up_reader(self) -> None:
        self._taking = None
        self.forceAbortClient()

    def _make_room(self) -> None:
        self._has_room.set()
        if self._taking is not None:
            self._taking.cancel()
        self._taking = None

    def _stop_clock(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None


class BoundedFactory(http_protocol.HTTPFactory):  # type: ignore[misc]
    """Gives each client a bounded channel."""

    protocol = BoundedChannel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.timeOut = IDLE_S

    def buildProtocol(self, addr: Any) -> BoundedChannel:  # noqa: N802
        """Give the channel for one client."""
        channel: BoundedChannel = super().buildProtocol(addr)
        channel.requestFactory = BoundedRequest
        return channel


class PromptTransport(tcp.Server):
    """A connection that hands each write to the system at once, if it ``is_prompt``.

    Twisted waits until the system says that it takes something. It nearly always does; to ask and
    be told took a quarter of the time of a frame. What it does not take goes the usual way.
    """

    is_prompt = False
    _is_handing_over = False

    def write(self, data: bytes) -> None:
        """Send bytes, behind those that were written before."""
        if not self.is_prompt or self.dataBuffer or self._tempDataBuffer:
            super().write(data)
            return
        self._is_handing_over = True
        try:
            super().write(data)
        finally:
            self._is_handing_over = False
        # A failure is met again, and dealt with, on the usual way.
        if self._tempDataBuffer and (self.doWrite() is not None or self.dataBuffer):
            self.startWriting()

    def startWriting(self) -> None:  # noqa: N802
        """Wait until the system takes something."""
        if not self._is_handing_over:
            super().startWriting()


class BoundedServer(daphne_server.Server):  # type: ignore[misc]
    """Lets an application go on with an answer when what it sent before has left."""

    def protocol_connected(self, protocol: Any) -> None:
        """Note a client; one with a socket gets each frame at once."""
        super().protocol_connected(protocol)
        if isinstance(protocol, WebSocketProtocol):
            protocol.transport.is_prompt = True

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send a part of an answer."""
        await super().handle_reply(protocol, message)
        # A request that is answered whole has no channel any more.
        if isinstance(protocol, BoundedRequest) and (channel := getattr(protocol, "channel", None)):
            await channel.room()


class BoundedCommand(CommandLineInterface):  # type: ignore[misc]
    """Daphne's own command, with a bounded server."""

    server_class = BoundedServer


def serve(words: list[str]) -> None:
    """Run Daphne's own command with ``words`` until it is told to stop."""
    keep_connections()
    # The seams that Daphne and Twisted leave: they look these up by name.
    daphne_server.HTTPFactory = BoundedFactory
    tcp.Port.transport = PromptTransport
    BoundedCommand().run(words)
