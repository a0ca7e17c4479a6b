"""Who works with the ledger, so that nobody replaces it under them.

Every long-lived process that posts, publishes or serves holds a shared lock, and whoever
replaces the ledger as a whole needs the exclusive one. The system or the database frees both
at any death: on SQLite it is a lock on a file beside the database, on PostgreSQL an advisory
lock of a connection of its own.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections

# The advisory locks' numbers: "ledg" and "rebu".
_LEDGER: Final = 0x6C656467
_REBUILD: Final = 0x72656275
_FILES: Final = {_LEDGER: "ledger-in-use.lock", _REBUILD: "rebuild.lock"}

_WHO = """
    SELECT a.application_name, a.pid, coalesce(a.client_addr::text, '')
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = %s
        AND l.objsubid = 1 AND a.datname = current_database() AND a.pid <> pg_backend_pid()
"""


class Occupied(Exception):
    """Somebody else is at work; the text names them on one line, with the remedy."""


@contextmanager
def in_use() -> Iterator[None]:
    """Work with the ledger for as long as the context lasts.

    Raises ``Occupied`` while somebody replaces it. Where PostgreSQL is away just now, nobody
    is told: whoever replaces a ledger sees that its positions have moved, and gives up.
    """
    with ExitStack() as held:
        with suppress(OperationalError):
            others = held.enter_context(_locked(_LEDGER, shared=True))
            if others is not None:
                raise Occupied(
                    f"The ledger is being replaced by {_listed(others)}. Start again after that."
                )
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Keep every process that works with the ledger out; raises ``Occupied`` naming those in it."""
    with _locked(_LEDGER, shared=False) as others:
        if others is not None:
            raise Occupied(
                f"The ledger is in use by {_listed(others)}. Stop these and run this again."
            )
        yield


@contextmanager
def only_rebuild() -> Iterator[None]:
    """Be the only rebuild of this ledger; raises ``Occupied`` naming the other."""
    with _locked(_REBUILD, shared=False) as others:
        if others is not None:
            raise Occupied(
                f"The ledger is being rebuilt by {_listed(others)}. Wait for it, or end it."
            )
        yield


def ledger_lock_path() -> Path:
    """Give the file on which whoever works with a ledger in SQLite holds a shared lock."""
    return _path_of(_LEDGER)


def _path_of(lock: int) -> Path:
    return Path(settings.DATA_DIR) / _FILES[lock]


def _listed(who: list[str]) -> str:
    return ", ".join(who) or "another process"


@contextmanager
def _locked(lock: int, *, shared: bool) -> Iterator[list[str] | None]:
    """Give None with the lock, or without it those who have it."""
    take = _on_postgresql if connection.vendor == "postgresql" else _on_file
    with take(lock, shared=shared) as others:
        yield others


@contextmanager
def _on_file(lock: int, *, shared: bool) -> Iterator[list[str] | None]:
    path = _path_of(lock)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        taken = _is_taken(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield None if taken else _others_at(path)
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _others_at(path: Path) -> list[str]:
    """Name the processes that have the file ``path`` open, as far as the system tells us."""
    found = []
    for process in psutil.process_iter():
        try:
            is_there = process.pid != os.getpid() and any(
                Path(each.path) == path.resolve() for each in process.open_files()
            )
            if is_there:
                found.append(f"{_words(process.cmdline())} (process {process.pid})")
        except (psutil.Error, OSError):
            continue
    return found


def _words(command: list[str]) -> str:
    """Give what a command line runs: its first words, without the interpreter and folders."""
    return " ".join(Path(word).name for word in command[1:3]) or "a program"


@contextmanager
def _on_postgresql(lock: int, *, shared: bool) -> Iterator[list[str] | None]:
    name = f"bankportal {_words(sys.argv[:1] + sys.argv)} {os.getpid()}"
    with closing(connections.create_connection(DEFAULT_DB_ALIAS)) as own:
        with own.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", [name[:63]])
            kind = "_shared" if shared else ""
            cursor.execute(f"SELECT pg_try_advisory_lock{kind}(%s)", [lock])
            (taken,) = cursor.fetchone()
            others = None if taken else _others_in(cursor, lock)
        yield others


def _others_in(cursor: Any, lock: int) -> list[str]:
    cursor.execute(_WHO, [lock])
    return [
        f"{name or 'a program'} (session {pid}{f' from {address}' if address else ''})"
        for name, pid, address in cursor.fetchall()
    ]
