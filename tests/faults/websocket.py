"""A browser's end of a WebSocket (RFC 6455) on a plain socket: text, and no more than that."""

import base64
import os
import socket
import struct
from urllib.parse import urlsplit

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Closed(Exception):
    """The server has closed the connection; ``code`` says why, 0 where it said nothing."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class WebSocket:
    """One connection. What it does blocks for at most ``patience_s``, and raises ``OSError`` then.

    ``receive_buffer`` bounds what the system takes in for a client that does not read.
    """

    def __init__(
        self,
        url: str,
        path: str,
        *,
        cookie: str,
        patience_s: float = 30.0,
        receive_buffer: int | None = None,
    ) -> None:
        place = urlsplit(url)
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(patience_s)
        self._buffer = b""
        try:
            self._socket.connect((place.hostname, place.port))
            self._shake_hands(place.netloc, path, cookie)
        except (OSError, Closed):
            self._socket.close()
            raise

    def send(self, text: str) -> None:
        """Send a text."""
        self._send(_TEXT, text.encode())

    def receive(self) -> str:
        """Wait for the next text; raise ``Closed`` when there is none any more."""
        while True:
            kind, content = self._frame()
            if kind == _TEXT:
                return content.decode()
            if kind == _CLOSE:
                self.close()
                raise Closed(struct.unpack(">H", content[:2])[0] if len(content) > 1 else 0)
            if kind == _PING:
                self._send(_PONG, content)

    def wait_at_most(self, seconds: float) -> None:
        """Let ``receive`` give up with ``TimeoutError`` after so long; nothing is lost by it."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        """Let go of it, as a browser does whose machine goes away."""
        self._socket.close()

    def _shake_hands(self, host: str, path: str, cookie: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            f"Origin: http://{host}",
            f"Cookie: {cookie}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        )
        self._socket.sendall("\r\n".join((*lines, "", "")).encode())
        while b"\r\n\r\n" not in self._buffer:
            self._read_more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionRefusedError(head.decode(errors="replace"))

    def _frame(self) -> tuple[int, bytes]:
        self._need(2)
        size, begin = self._buffer[1] & 127, 2
        if size == 126:
            self._need(4)
            size, begin = struct.unpack(">H", self._buffer[2:4])[0], 4
        elif size == 127:
            self._need(10)
            size, begin = struct.unpack(">Q", self._buffer[2:10])[0], 10
        self._need(begin + size)
        kind, content = self._buffer[0] & 15, self._buffer[begin : begin + size]
        self._buffer = self._buffer[begin + size :]
        return kind, content

    def _need(self, size: int) -> None:
        while len(self._buffer) < size:
            self._read_more()

    def _read_more(self) -> None:
        some = self._socket.recv(65_536)
        if not some:
            raise Closed(0)
        self._buffer += some

    def _send(self, kind: int, content: bytes) -> None:
        mask = os.urandom(4)
        size = len(content)
        length = bytes((128 | size,)) if size < 126 else b"\xfe" + struct.pack(">H", size)
        masked = bytes(each ^ mask[n % 4] for n, each in enumerate(content))
        self._socket.sendall(bytes((128 | kind,)) + length + mask + masked)
