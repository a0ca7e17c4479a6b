"""Connections to an SQLite file that whoever had one leaves open for the next.

Opening one takes longer than most of what a request asks over it, and each request has a thread,
and with it a connection, of its own.
"""

import os
import sqlite3
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, and what it is open to: the file that had the name then, in one process."""

    raw: sqlite3.Connection
    path: str
    file: tuple[int, int] | None
    process: int

    @classmethod
    def to(cls, path: str, raw: sqlite3.Connection) -> Self:
        """Note what ``raw`` has just been opened to."""
        return cls(raw, path, _file_at(path), os.getpid())

    @property
    def is_good(self) -> bool:
        """Whether the name still stands for that file: a ledger that was restored is another."""
        is_ours = self.process == os.getpid()
        return is_ours and self.file is not None and self.file == _file_at(self.path)


class KeptConnections:
    """A few connections that nobody uses just now, all opened alike. For any thread.

    At most ``most`` of them: none at all in a process that soon ends, or keeps its own.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self._free: deque[Opened] = deque()
        # Of the process that this one is forked from: SQLite wants them neither used nor closed.
        self._inherited: list[Opened] = []

    def take(self, path: str) -> Opened | None:
        """Give one to the file that has the name now, if there is one."""
        for _each in range(len(self._free)):
            try:
                opened = self._free.pop()
            except IndexError:
                return None
            if opened.path != path:
                self._free.appendleft(opened)
            elif opened.is_good:
                return opened
            elif opened.process == os.getpid():
                opened.raw.close()
            else:
                self._inherited.append(opened)
        return None

    def keep(self, opened: Opened) -> bool:
        """Keep one that nobody uses any more; False where it is not to be used again."""
        try:
            if len(self._free) >= self.most or opened.raw.in_transaction or not opened.is_good:
                return False
            # What it has read of the file is worth less than the memory that it takes.
            opened.raw.execute("PRAGMA shrink_memory")
        except sqlite3.Error:
            return False
        self._free.append(opened)
        return True

    def close(self) -> None:
        """Close all: the last one that is closed makes one file of the database again."""
        while self._free:
            self._free.pop().raw.close()


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
