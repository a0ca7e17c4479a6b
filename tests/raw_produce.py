"""Publishing what no library would, by Kafka's own protocol: headers of any bytes."""

import socket
import struct
from collections.abc import Mapping

from streaming.endpoint import Endpoint

_PRODUCE, _VERSION = 0, 3


def publish_raw(
    kafka: Endpoint, topic: str, key: bytes, value: bytes, headers: Mapping[bytes, bytes]
) -> None:
    """Append one message to partition 0 of a topic, and wait until it is there."""
    batch = _batch(key, value, headers)
    partition = struct.pack(">iii", 1, 0, len(batch)) + batch
    body = struct.pack(">hhii", -1, -1, 10_000, 1) + _text(topic) + partition
    request = struct.pack(">hhi", _PRODUCE, _VERSION, 1) + _text("raw") + body
    host, port = kafka.bootstrap_servers.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as line, line.makefile("rb") as answers:
        line.sendall(struct.pack(">i", len(request)) + request)
        answer = answers.read(struct.unpack(">i", answers.read(4))[0])
    # Behind our number, one topic, its name and one partition.
    code = struct.unpack_from(">h", answer, 4 + 4 + len(_text(topic)) + 4 + 4)[0]
    assert code == 0, f"Kafka refused it with {code}"


def _batch(key: bytes, value: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    named = b"".join(_sized(name) + _sized(text) for name, text in headers.items())
    record = bytes(3) + _sized(key) + _sized(value) + _zigzag(len(headers)) + named
    checked = struct.pack(">hiqqqhii", 0, 0, 0, 0, -1, -1, -1, 1) + _sized(record)
    behind_length = struct.pack(">ibI", -1, 2, _crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(behind_length)) + behind_length


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _sized(given: bytes) -> bytes:
    return _zigzag(len(given)) + given


def _zigzag(number: int) -> bytes:
    left, written = number << 1, bytearray()
    while left > 0x7F:
        written.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*written, left])


def _crc32c(given: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in given:
        crc ^= byte
        for _bit in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
