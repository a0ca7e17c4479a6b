"""The process behind ``Writer``: writes prepared transactions to an SQLite file, with APSW.

``python -m accounts.ledger.writing FILE LOCK [PRAGMA...]`` reads one transaction after the other
from standard input and answers each on standard output with a line: what became of it, for how
many seconds it waited for the lock and held it, whether somebody waited for it in turn (0 or 1),
and what hindered it. It ends with its input, and with the first transaction that it could not
write, so that none is written on top of one that is missing.

Nothing of Django may be imported here: Django's SQLite must never open the file in this process,
since closing it there would let go of our locks (POSIX locks are a process's).
"""

import fcntl
import marshal
import os
import signal
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import apsw

from accounts.ledger.precedence import ASK_AGAIN_S, Batches

# As long as Django's own connections wait for the lock.
PATIENCE_S: Final = 10.0

# Goes before each transaction: read object by object from a pipe, it takes longer than to write.
SIZE: Final = struct.Struct(">Q")

WRITTEN, REFUSED, FAILED = "written", "refused", "failed"

# The statement, its rows, and how many rows of its table all of them must change, if that matters.
Prepared = Sequence[tuple[str, Sequence[tuple[Any, ...]], int | None]]


class NotAsExpected(Exception):
    """A statement has changed other rows than it was to change."""


def main() -> None:
    """Write what comes until nothing more does, or something cannot be written."""
    path, lock, *pragmas = sys.argv[1:]
    # Whoever started us is told to stop, finishes what is under way, and closes our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        # Nobody may replace the ledger while we may still write: we can outlive who started us.
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        connection, batches = _connected(path, pragmas), Batches(path)
        log = _WriteAheadLog(connection)
    except (apsw.Error, OSError) as reason:
        sys.exit(f"What writes a backlog cannot begin: {reason}. The consumer writes it itself.")
    while _answer_next(connection, batches):
        log.copy_when_long()


def _answer_next(connection: apsw.Connection, batches: Batches) -> bool:
    size = sys.stdin.buffer.read(SIZE.size)
    content = sys.stdin.buffer.read(*SIZE.unpack(size)) if len(size) == SIZE.size else b""
    if not content:
        return False
    try:
        prepared = marshal.loads(content)  # noqa: S302 - from whoever started us
    except EOFError:
        # It was cut short: whoever sent it has ended in the midst of it.
        return False
    asked = time.perf_counter()
    with batches.next():
        word, began, hindrance = _written(connection, prepared)
    waited_s, held_s = began - asked, time.perf_counter() - began
    words = (word, waited_s, held_s, int(batches.are_waited_for), *hindrance.split())
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()
    return word == WRITTEN


def _connected(path: str, pragmas: Sequence[str]) -> apsw.Connection:
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(int(PATIENCE_S * 1_000))
    for pragma in ("PRAGMA foreign_keys=ON", *pragmas):
        connection.execute(pragma)
    return connection


class _WriteAheadLog:
    """What is committed and not in the database's own file yet.

    SQLite copies it there within the commit that has made it long. That takes longer than a
    batch, and keeps nobody else from writing; so it is done when nobody waits for the batch.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._most_pages: int = connection.pragma("wal_autocheckpoint")
        self._connection = connection
        self._pages = 0
        connection.set_wal_hook(self._note)

    def copy_when_long(self) -> None:
        """Copy it as far as those who read allow, if it is as long as the setting says."""
        if self._pages >= self._most_pages > 0:
            self._pages = 0
            # What was committed stays so; the next time comes with the next batch.
            with suppress(apsw.Error):
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _note(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return 0


def _written(connection: apsw.Connection, prepared: Prepared) -> tuple[str, float, str]:
    """Write all of a transaction or nothing; give when it had the lock, and what hindered."""
    began = time.perf_counter()
    try:
        _begin(connection)
        began = time.perf_counter()
        try:
            _take_steps(connection, prepared)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except NotAsExpected as reason:
        return REFUSED, began, str(reason)
    except (apsw.Error, OSError, MemoryError) as reason:
        return FAILED, began, f"{type(reason).__name__}: {reason}"
    return WRITTEN, began, ""


def _begin(connection: apsw.Connection) -> None:
    deadline = time.monotonic() + PATIENCE_S

    def wait(_times: int) -> bool:
        time.sleep(ASK_AGAIN_S)
        return time.monotonic() < deadline

    connection.set_busy_handler(wait)
    connection.execute("BEGIN IMMEDIATE")


def _take_steps(connection: apsw.Connection, prepared: Prepared) -> None:
    for statement, rows, must_change in prepared:
        before = connection.total_changes()
        connection.executemany(statement, rows)
        changed = connection.total_changes() - before
        if must_change not in {None, changed}:
            words = " ".join(statement.split()[:3])
            raise NotAsExpected(f"{words} changed {changed} rows in place of {must_change}")


if __name__ == "__main__":
    main()
