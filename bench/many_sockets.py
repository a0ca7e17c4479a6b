"""Many open dashboards in one process: ``python -m bench.many_sockets``, told what to do on stdin.

A line of JSON asks for one thing (see ``Crowd``), a line of JSON answers it. Times are those of
``time.monotonic``, the same for every process of a machine.
"""

import asyncio
import base64
import json
import os
import struct
import sys
import time
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

import msgspec

AT_ONCE = 25
PATIENCE_S = 60
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
# As the pages of ours do.
_FRAMES_A_RECEIPT = 8


class _Row(msgspec.Struct):
    transaction_id: str


class _Frame(msgspec.Struct):
    type: str
    entries: list[_Row] = []


_decode = msgspec.json.Decoder(_Frame).decode


class Crowd:
    """The sockets of this process, and what they have been told since ``watch``."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.arrivals: dict[str, list[float]] = defaultdict(list)
        self.frames = self.bytes = self.lost_sockets = self.reloads = 0

    async def open(self, address: str, path: str, members: list[dict[str, Any]]) -> float:
        """Connect and subscribe all; give the seconds that it took."""
        began = time.monotonic()
        gate = asyncio.Semaphore(AT_ONCE)
        place = urlsplit(address)

        async def one(member: dict[str, Any]) -> None:
            async with gate:
                socket = Socket(self, place.netloc, path, member["cookie"], member["subscribe"])
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: socket, place.hostname, place.port)
                await asyncio.wait_for(socket.is_subscribed.wait(), PATIENCE_S)
                self.sockets.append(socket)

        await asyncio.gather(*map(one, members))
        return time.monotonic() - began

    async def subscribe(self, wanted: list[dict[str, Any]]) -> int:
        """Let each socket ask for something else; give their number."""
        for socket, each in zip(self.sockets, wanted, strict=True):
            socket.subscribe(each)
        for socket in self.sockets:
            await asyncio.wait_for(socket.is_subscribed.wait(), PATIENCE_S)
        return len(self.sockets)

    async def watch(self) -> None:
        """Forget what came until now."""
        self.arrivals.clear()
        self.frames = self.bytes = self.lost_sockets = self.reloads = 0

    async def report(self) -> dict[str, Any]:
        """Give when which row came to how many, and what else there was."""
        return {
            "arrivals": self.arrivals,
            "frames": self.frames,
            "bytes": self.bytes,
            "lost_sockets": self.lost_sockets,
            "reloads": self.reloads,
        }


class Socket(asyncio.Protocol):
    """One browser's end of RFC 6455, as cheap as can be: it shares the machine with the server."""

    def __init__(
        self, crowd: Crowd, host: str, path: str, cookie: str, subscribe: dict[str, Any]
    ) -> None:
        self.is_subscribed = asyncio.Event()
        self._crowd = crowd
        self._hello = (host, path, cookie)
        self._wanted = subscribe
        self._turn = self._received = 0
        self._buffer = b""
        self._is_open = False

    def connection_made(self, transport: Any) -> None:
        """Shake hands."""
        self._transport = transport
        host, path, cookie = self._hello
        lines = (
            *(f"GET {path} HTTP/1.1", f"Host: {host}", f"Origin: http://{host}"),
            *(f"Cookie: {cookie}", "Connection: Upgrade", "Upgrade: websocket"),
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        )
        transport.write("\r\n".join((*lines, "", "")).encode())

    def data_received(self, data: bytes) -> None:
        """Take whatever has come."""
        now = time.monotonic()
        self._buffer += data
        if not self._is_open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise SystemExit(head.decode(errors="replace"))
            self._is_open, self._buffer = True, rest
            self.subscribe(self._wanted)
        while frame := self._frame():
            self._take(*frame, now)

    def connection_lost(self, _reason: Exception | None) -> None:
        """Count it: nobody left by himself."""
        self._crowd.lost_sockets += 1

    def subscribe(self, wanted: dict[str, Any]) -> None:
        """Ask for something, from the ledger's end on."""
        self._wanted = wanted
        self._turn += 1
        self.is_subscribed.clear()
        message = {"type": "subscribe", "position": None, "turn": self._turn, **wanted}
        self._send(_TEXT, json.dumps(message).encode())

    def _frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, begin = buffer[1] & 127, 2
        if size == 126 and len(buffer) >= 4:
            size, begin = struct.unpack(">H", buffer[2:4])[0], 4
        elif size == 127 and len(buffer) >= 10:
            size, begin = struct.unpack(">Q", buffer[2:10])[0], 10
        if (size > 125 and begin == 2) or len(buffer) < begin + size:
            return None
        self._buffer = buffer[begin + size :]
        return buffer[0] & 15, buffer[begin : begin + size]

    def _take(self, kind: int, content: bytes, now: float) -> None:
        if kind == _PING:
            self._send(_PONG, content)
        if kind != _TEXT:
            return
        crowd = self._crowd
        crowd.frames += 1
        crowd.bytes += len(content)
        frame = _decode(content)
        for row in frame.entries:
            crowd.arrivals[row.transaction_id].append(now)
        self._received += 1
        if frame.type == "heartbeat" or self._received % _FRAMES_A_RECEIPT == 0:
            self._send(_TEXT, b'{"type":"received","count":%d}' % self._received)
        if frame.type == "subscribed":
            self.is_subscribed.set()
        elif frame.type == "reload":
            crowd.reloads += 1
            self.subscribe(self._wanted)

    def _send(self, kind: int, content: bytes) -> None:
        # Of four zeros, the mask leaves everything as it is.
        size = len(content)
        length = bytes((128 | size,)) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self._transport.write(bytes((128 | kind,)) + length + bytes(4) + content)


async def main() -> None:
    """Do what is asked until nothing is asked any more."""
    crowd = Crowd()
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        answer = await getattr(crowd, asked.pop("do"))(**asked)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
