"""A small write gets its turn beside a process that gives the lock back for moments only."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from bankportal.asking_sqlite import base

pytestmark = pytest.mark.django_db


@pytest.fixture
def database(tmp_path) -> Iterator[base.DatabaseWrapper]:
    """A connection of Django's to a file of its own."""
    options = {"transaction_mode": "IMMEDIATE", "timeout": 10}
    made = connection.settings_dict | {"NAME": tmp_path / "bank.sqlite3", "OPTIONS": options}
    found = base.DatabaseWrapper(made, "asking")
    with found.cursor() as cursor:
        cursor.execute("CREATE TABLE branch (code TEXT)")
    yield found
    found.close()


@pytest.fixture
def other(database) -> Iterator[sqlite3.Connection]:
    """Another process's connection, which holds the write lock."""
    path = database.settings_dict["NAME"]
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as found:
        found.execute("BEGIN IMMEDIATE")
        yield found


def begin(database: base.DatabaseWrapper) -> None:
    """Begin a transaction, as ``atomic`` does."""
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def busy_timeout(database: base.DatabaseWrapper) -> int:
    with database.cursor() as cursor:
        return cursor.execute("PRAGMA busy_timeout").fetchone()[0]


def test_it_asks_each_millisecond_for_as_long_as_it_is_told(database, other, monkeypatch):
    asked: list[float] = []
    monkeypatch.setattr(base.time, "sleep", asked.append)
    database.cursor().execute("PRAGMA busy_timeout=50")

    with pytest.raises(OperationalError, match="locked"):
        begin(database)

    assert set(asked) == {0.001}
    assert busy_timeout(database) == 50


def test_it_goes_on_as_soon_as_the_lock_is_free(database, other):
    releasing = threading.Timer(0.1, lambda: other.execute("ROLLBACK"))
    releasing.start()

    begin(database)

    releasing.join()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("PRAGMA busy_timeout=0").connection.execute("BEGIN IMMEDIATE")
    database.rollback()
    assert busy_timeout(database) == 10_000


def test_another_error_than_a_busy_database_is_raised_at_once(database, monkeypatch):
    monkeypatch.setattr(base.time, "sleep", lambda _seconds: pytest.fail("It asked again."))
    monkeypatch.setattr(database, "transaction_mode", "NONSENSE")

    with pytest.raises(OperationalError, match="syntax"):
        begin(database)


def test_it_is_the_portals_database_where_that_is_sqlite():
    engine = settings.DATABASES["default"]["ENGINE"]

    assert engine == (
        "django.db.backends.postgresql" if settings.DATABASE_URL else base.__package__
    )
