"""The databases of portals under test: a file of SQLite's, or one on the PostgreSQL of the run.

Each belongs to a folder, also where that folder is renamed or copied from. Which it is, is the
same for a whole run of the suite: see ``tests.on_postgresql``.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest

# The server of a run on PostgreSQL, by the database that is there before any other.
SERVER_URL = os.environ.get("DATABASE_URL", "")

_FILE = "bankportal.sqlite3"
_URL_FILE = "database-url.txt"

# What nobody may write while somebody else has it; all may read.
_LOCK = "LOCK TABLE accounts_entry, accounts_logposition, accounts_submission IN EXCLUSIVE MODE"
_IN_A_TRANSACTION = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""

_END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Database(Protocol):
    """What a test may do with a portal's database behind the back of its processes."""

    url: str
    """The portal's ``DATABASE_URL``."""
    name: str
    """What Django calls it."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Give the rows; identifiers as their bytes, as SQLite has them."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change rows; give their number."""

    def locked(self) -> Iterator[None]:
        """Let nobody write meanwhile: a context."""

    def is_free(self) -> bool:
        """Say whether no process holds anything that keeps another one from writing."""

    def remove(self) -> None:
        """Drop what would not go with the folder."""


def only_on(database: str, why: str) -> pytest.MarkDecorator:
    """Skip a test aloud where the run is not on ``database``: ``sqlite`` or ``postgresql``."""
    here = "postgresql" if SERVER_URL else "sqlite"
    return pytest.mark.skipif(here != database, reason=f"only on {database}: {why}")


def runs_only_on(database: str, mark: pytest.Mark) -> bool:
    """Say whether ``only_on`` has made a mark for a database."""
    return str(mark.kwargs.get("reason", "")).startswith(f"only on {database}:")


def database_of(folder: Path) -> Database:
    """Give the database that belongs to ``folder``; made, without a table, where there is none."""
    if not SERVER_URL:
        return _Sqlite(folder / _FILE)
    if not (folder / _URL_FILE).exists():
        _create(folder)
    return Postgresql((folder / _URL_FILE).read_text())


def settle_database(folder: Path) -> None:
    """Have all that was written in the file that is copied. Nobody may use the database.

    Who was killed leaves SQLite's log beside it, and so does whoever went before a reader did.
    """
    if not SERVER_URL:
        with closing(sqlite3.connect(folder / _FILE)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy_database(source: Path, folder: Path) -> None:
    """Give ``folder`` a copy of the database of the folder ``source`` in the place of its own.

    Nobody may use either.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if SERVER_URL:
        _create(folder, f"TEMPLATE {database_of(source).name}")
        return
    for file in folder.glob(f"{_FILE}*"):
        file.unlink()
    shutil.copy(source / _FILE, folder)


class _Sqlite:
    url = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
            return connection.execute(sql, parameters).rowcount

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as locker:
            locker.execute("BEGIN IMMEDIATE")
            yield
            locker.execute("ROLLBACK")

    def is_free(self) -> bool:
        with closing(sqlite3.connect(self._path, timeout=1)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True

    def remove(self) -> None:
        pass


class Postgresql:
    """A database on PostgreSQL, by its address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = urlsplit(url).path.lstrip("/")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            rows = connection.execute(*_in_its_words(sql, parameters)).fetchall()
        return [tuple(map(_as_on_sqlite, row)) for row in rows]

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with psycopg.connect(self.url) as connection:
            return connection.execute(*_in_its_words(sql, parameters)).rowcount

    @contextmanager
    def locked(self) -> Iterator[None]:
        with psycopg.connect(self.url) as locker:
            while not _has_locks(locker):
                locker.rollback()
            yield
            locker.rollback()

    def is_free(self) -> bool:
        return self.query(_IN_A_TRANSACTION) == [(0,)]

    def end_sessions(self, condition: str = "true", parameters: Sequence[Any] = ()) -> int:
        """End the sessions of others that satisfy ``condition``; give their number."""
        ended = self.query(f"{_END_SESSIONS} AND {condition}", parameters)
        return len(ended)

    def remove(self) -> None:
        ask_server(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def _has_locks(locker: psycopg.Connection) -> bool:
    """Lock one table after the other; not where somebody who holds one waits for another."""
    try:
        locker.execute(_LOCK)
    except psycopg.errors.DeadlockDetected:
        return False
    return True


def _in_its_words(sql: str, parameters: Sequence[Any]) -> tuple[str, Sequence[Any] | None]:
    # Without parameters a % is one.
    return (sql.replace("?", "%s"), parameters) if parameters else (sql, None)


def _as_on_sqlite(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.bytes
    return int(value) if isinstance(value, Decimal) else value


def _create(folder: Path, how: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    url_file = folder / _URL_FILE
    if not url_file.exists():
        url_file.write_text(_with_name(f"bank_{uuid4().hex}"))
    database = Postgresql(url_file.read_text())
    database.remove()
    ask_server(f"CREATE DATABASE {database.name} {how}")


def ask_server(statement: str) -> None:
    """Run a statement that is about the server rather than one of its databases."""
    with psycopg.connect(SERVER_URL, autocommit=True) as connection:
        connection.execute(statement)


def _with_name(name: str) -> str:
    return urlsplit(SERVER_URL)._replace(path=f"/{name}").geturl()
