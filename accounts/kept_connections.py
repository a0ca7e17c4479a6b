"""Connections to a database that whoever had one leaves open for the next.

Opening one takes longer than most of what a request asks over it, and each request has a thread,
and with it a connection, of its own.
"""

import os
import sqlite3
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar


class Opened(Protocol):
    """A connection, and what it is open to, in one process."""

    @property
    def address(self) -> str:
        """What it was asked to be open to."""

    @property
    def process(self) -> int:
        """The id of the process that opened it."""

    @property
    def is_good(self) -> bool:
        """Whether it still leads there, so that it may be used."""

    def settle(self) -> bool:
        """Make it as if it was just opened; False where it is of no more use. Never raises."""

    def close(self) -> None:
        """Close it. Never raises."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A connection to an SQLite file, and which file had the name then."""

    raw: sqlite3.Connection
    address: str
    file: tuple[int, int] | None
    process: int

    @classmethod
    def to(cls, path: str, raw: sqlite3.Connection) -> Self:
        """Note what ``raw`` has just been opened to."""
        return cls(raw, path, _file_at(path), os.getpid())

    @property
    def is_good(self) -> bool:
        """Whether the name still stands for that file: a ledger that was restored is another."""
        return self.file is not None and self.file == _file_at(self.address)

    def settle(self) -> bool:
        """Let go of what it has read: that is worth less than the memory that it takes."""
        try:
            if self.raw.in_transaction or not self.is_good:
                return False
            self.raw.execute("PRAGMA shrink_memory")
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        """Close it."""
        self.raw.close()


AnOpened = TypeVar("AnOpened", bound=Opened)


class KeptConnections(Generic[AnOpened]):
    """A few connections that nobody uses just now, all opened alike. For any thread.

    At most ``most`` of them: none at all in a process that soon ends, or keeps its own.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self._free: deque[AnOpened] = deque()
        # Of the process that this one is forked from: they are its, neither to use nor to close.
        self._inherited: list[AnOpened] = []

    def take(self, address: str) -> AnOpened | None:
        """Give one that leads to ``address`` now, if there is one."""
        for _each in range(len(self._free)):
            try:
                opened = self._free.pop()
            except IndexError:
                return None
            if opened.process != os.getpid():
                self._inherited.append(opened)
            elif opened.address != address:
                self._free.appendleft(opened)
            elif opened.is_good:
                return opened
            else:
                opened.close()
        return None

    def keep(self, opened: AnOpened) -> bool:
        """Keep one that nobody uses any more; False where it is not to be used again."""
        is_ours = opened.process == os.getpid()
        if not is_ours or len(self._free) >= self.most or not opened.settle():
            return False
        self._free.append(opened)
        return True

    def close(self) -> None:
        """Close all: the last one to a file that is closed makes one file of the database again."""
        while self._free:
            opened = self._free.pop()
            if opened.process == os.getpid():
                opened.close()
            else:
                self._inherited.append(opened)


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
