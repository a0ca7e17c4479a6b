"""The right to publish the outbox: one process has it, and any death of that process frees it.

No clock is asked, since clocks are wrong by a day at times: the lease is a lock that the
system or the database gives back. On SQLite that is a lock on a file beside the database, on
PostgreSQL an advisory lock of a connection of its own. So a holder that is frozen publishes
nothing and yet cannot be overtaken. Order and postings do not hang on the lease: two relays
would each keep the order, and the ledger drops what comes again; it keeps them from
publishing everything twice.
"""

import os
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db import Error as DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from streaming.file_lock import LockedByAnother, held, holder_of, is_same_file

# The advisory lock's number: "rely".
_LOCK: Final = 0x72656C79
_TAKE = "SELECT pg_try_advisory_lock(%s)"
_GIVE_BACK = "SELECT pg_advisory_unlock(%s)"
# The server frees the lock of a machine that is gone within half a minute.
_INTRODUCE = """
    SELECT set_config('application_name', %s, false),
        set_config('tcp_keepalives_idle', '10', false),
        set_config('tcp_keepalives_interval', '5', false),
        set_config('tcp_keepalives_count', '3', false)
"""
_WHO = """
    SELECT activity.application_name
    FROM pg_locks AS lock JOIN pg_stat_activity AS activity USING (pid)
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
        AND lock.classid = 0 AND lock.objid = %s AND activity.datname = current_database()
"""
_NAME = "bankportal relay"


@dataclass(frozen=True)
class Holder:
    """Who has the lease. ``pid`` is 0 where unknown; ``host`` is empty on this machine."""

    pid: int
    since_ms: int
    host: str = ""

    @property
    def is_frozen(self) -> bool:
        """Whether the process is seen to be stopped; of another machine nobody here knows."""
        if self.host or not self.pid:
            return False
        import psutil  # noqa: PLC0415 # every command that only verifies would pay for it

        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False

    def __str__(self) -> str:
        process = f"process {self.pid}" if self.pid else "a process"
        return f"{process} on {self.host}" if self.host else process


class Lease(Protocol):
    """The lease as one process sees it. Used as a context, it is given back at the end."""

    def take(self) -> bool:
        """Try to get it, without waiting."""

    def is_held(self) -> bool:
        """Say whether it still is ours: to be asked before each publication."""

    def give_back(self) -> None:
        """Let another have it. May be repeated."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_failure: object) -> None: ...


def relay_lease() -> Lease:
    """Give the lease of this portal's relay, not taken yet."""
    return _DatabaseLease() if connection.vendor == "postgresql" else _FileLease(_path())


def lease_holder() -> Holder | None:
    """Give who publishes now, or None where nobody does."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_WHO, [_LOCK])
            row = cursor.fetchone()
        return _introduced(row[0]) if row else None
    holder = holder_of(_path())
    return Holder(holder.pid, holder.since_ms) if holder else None


def _path() -> Path:
    return Path(settings.DATA_DIR) / "relay.lock"


class _FileLease:
    """A lock on a file. No child inherits it: Python opens files so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = ExitStack()
        self._descriptor: int | None = None

    def take(self) -> bool:
        try:
            self._descriptor = self._held.enter_context(held(self._path, wait_s=0))
        except LockedByAnother:
            return False
        return True

    def is_held(self) -> bool:
        return self._descriptor is not None and is_same_file(self._descriptor, self._path)

    def give_back(self) -> None:
        self._held.close()
        self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.give_back()


class _DatabaseLease:
    """An advisory lock of PostgreSQL, which ends with the connection that took it."""

    def __init__(self) -> None:
        self._connection: BaseDatabaseWrapper | None = None
        self._is_taken = False

    def take(self) -> bool:
        try:
            self._is_taken = bool(self._ask(_TAKE, [_LOCK]))
            if self._is_taken:
                self._ask(_INTRODUCE, [_introduction()])
        except DatabaseError:
            self._let_go()
        return self._is_taken

    def is_held(self) -> bool:
        if not self._is_taken:
            return False
        try:
            self._ask("SELECT 1", [])
        except DatabaseError:
            self._let_go()
            return False
        return True

    def give_back(self) -> None:
        if self._is_taken:
            # PostgreSQL notices only a moment later that a connection was closed.
            with suppress(DatabaseError):
                self._ask(_GIVE_BACK, [_LOCK])
        self._let_go()

    def _let_go(self) -> None:
        lost, self._connection = self._connection, None
        self._is_taken = False
        if lost is not None:
            lost.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.give_back()

    def _ask(self, question: str, parameters: list[Any]) -> Any:
        if self._connection is None:
            self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
            self._connection.ensure_connection()
        # Not Django's own cursor, which would open another connection in place of a lost one.
        with self._connection.wrap_database_errors:
            cursor = self._connection.connection.cursor()
            return cursor.execute(question, parameters).fetchone()[0]


def _introduction() -> str:
    # The server cuts names at 63 bytes.
    now_ms = time.time_ns() // 1_000_000
    return f"{_NAME} {os.getpid()} {now_ms} {socket.gethostname()[:25]}"


def _introduced(name: str) -> Holder:
    words = name.removeprefix(_NAME).split()
    if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
        return Holder(0, 0)
    host = "" if words[2] == socket.gethostname()[:25] else words[2]
    return Holder(int(words[0]), int(words[1]), host)
