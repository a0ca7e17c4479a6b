"""An archive of a log: a file from which the ledger can be made anew without any Kafka.

Gzip over lines of JSON, so that it can be read in any decade with tools of any kind: a header,
a line for each message, a footer. See docs/backup.md.
"""

import gzip
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from accounts.ledger.identity import identity_of
from accounts.ledger.messages import Delivered, LogIdentity
from accounts.models import Log, LogPosition

FORMAT: Final = "bankportal log archive"
VERSION: Final = 1

# The largest message there can be, in base64 and with room for what stands around it.
LONGEST_LINE: Final = 16 * 1024 * 1024
# Level 1 takes a third of the time of gzip's own 9 for a tenth more bytes.
_COMPRESSION: Final = 1


class ArchiveUnusable(Exception):
    """The file is no archive, or not a whole one; the text is one line."""


class Bytes(msgspec.Struct, frozen=True):
    """Bytes that are no text."""

    base64: str


Content = None | str | Bytes
# A line for one message: partition, offset, append time, leader epoch, key, value.
Message = tuple[int, int, int, int, Content, Content]


class Beginning(msgspec.Struct, frozen=True):
    """Where the ledger began with a partition, and after which link (hexadecimal)."""

    offset: int
    link: str


class Part(msgspec.Struct, frozen=True):
    """The offsets of one partition from ``first`` up to, not including, ``end``."""

    partition: int
    first: int
    end: int


class ArchivedLog(msgspec.Struct, frozen=True):
    """A log as the ledger knows it; ``number`` orders the logs that it has followed."""

    number: int
    cluster_id: str
    topic: str
    topic_id: str
    partition_count: int
    is_memory: bool
    adopted_at_ms: int
    adopted_by: str
    reason: str
    beginnings: list[Beginning]

    @property
    def identity(self) -> LogIdentity:
        """What makes it this log."""
        return LogIdentity(
            self.cluster_id, self.topic, self.topic_id, self.partition_count, self.is_memory
        )

    def describes(self, log: Log) -> bool:
        """Say whether it is ``log``: the same one may be followed twice, cut in between."""
        return (self.identity, self.adopted_at_ms) == (identity_of(log), log.adopted_at_ms)

    @classmethod
    def of(cls, log: Log, positions: Iterable[LogPosition]) -> Self:
        """Describe ``log`` with where the ledger began in each of its partitions."""
        ordered = sorted(positions, key=lambda at: at.partition)
        return cls(
            number=log.pk,
            cluster_id=log.cluster_id,
            topic=log.topic,
            topic_id=log.topic_id,
            partition_count=log.partition_count,
            is_memory=log.is_memory,
            adopted_at_ms=log.adopted_at_ms,
            adopted_by=log.adopted_by,
            reason=log.reason,
            beginnings=[Beginning(at.first_offset, bytes(at.first_link).hex()) for at in ordered],
        )


class Header(msgspec.Struct, frozen=True):
    """The first line: which log, and which part of it."""

    format: str
    version: int
    log: ArchivedLog
    parts: list[Part]


class Footer(msgspec.Struct, frozen=True):
    """The last line: without it the file was cut."""

    messages: int


_encode = msgspec.json.Encoder().encode
_headers = msgspec.json.Decoder(Header)
_lines = msgspec.json.Decoder(Message | Footer)


def write_archive(
    path: Path, log: ArchivedLog, parts: Iterable[Part], messages: Iterable[Delivered]
) -> int:
    """Write ``messages``, which are those of ``parts``, to the new file ``path``.

    Gives their count, once all is on the disk.
    """
    count = 0
    with path.open("xb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_COMPRESSION) as lines:
            lines.write(_encode(Header(FORMAT, VERSION, log, list(parts))) + b"\n")
            for each in messages:
                lines.write(_encode(_line_of(each)) + b"\n")
                count += 1
            lines.write(_encode(Footer(count)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return count


class Archive:
    """An archive to be read. Opening it reads the header; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = gzip.open(path, "rb")  # noqa: SIM115 closed by ``close``
            self.header = self._header()
        except (OSError, EOFError, zlib.error, msgspec.DecodeError) as reason:
            raise ArchiveUnusable(f"{path} is no archive of a log: {reason}.") from reason

    @property
    def ranges(self) -> dict[int, Part]:
        """What it holds of each partition."""
        return {part.partition: part for part in self.header.parts}

    def messages(self) -> Iterator[Delivered]:
        """Give its messages, those of a partition by offset, in bounded memory. Once only.

        Raises ``ArchiveUnusable`` at the place where the file is damaged or cut.
        """
        count = 0
        try:
            while not isinstance(line := _lines.decode(self._line()), Footer):
                yield _delivered(line)
                count += 1
            self._refuse_more()
        except (OSError, EOFError, zlib.error, ValueError) as reason:
            raise ArchiveUnusable(
                f"{self.path} is damaged behind message {count:,}: {reason}."
            ) from reason
        if line.messages != count:
            raise ArchiveUnusable(f"{self.path} holds {count:,} of {line.messages:,} messages.")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _header(self) -> Header:
        header = _headers.decode(self._line())
        if (header.format, header.version) != (FORMAT, VERSION):
            raise ArchiveUnusable(
                f"{self.path} is of another form ({header.format}, {header.version}) than this "
                "release reads."
            )
        return header

    def _refuse_more(self) -> None:
        # Reading on to the end is also what compares the checksum over all of the file.
        if self._file.read(1):
            raise ValueError("something follows the footer")

    def _line(self) -> bytes:
        line = self._file.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise EOFError("the file ends in the middle" if not line else "a line has no end")
        return line


def _line_of(message: Delivered) -> Message:
    return (
        message.partition,
        message.offset,
        message.logged_at_ms,
        message.leader_epoch,
        _content(message.key),
        _content(message.value),
    )


def _delivered(line: Message) -> Delivered:
    partition, offset, logged_at_ms, leader_epoch, key, value = line
    return Delivered(partition, offset, logged_at_ms, _bytes(key), _bytes(value), leader_epoch)


def _content(content: bytes | None) -> Content:
    if content is None:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return Bytes(b64encode(content).decode("ascii"))


def _bytes(content: Content) -> bytes | None:
    if content is None:
        return None
    if isinstance(content, str):
        return content.encode("utf-8")
    return b64decode(content.base64, validate=True)
