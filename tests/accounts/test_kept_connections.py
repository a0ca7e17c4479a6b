"""A connection to the SQLite file that is closed stays open for the next, and as it was opened."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, connection

from bankportal import kept
from bankportal.fair_sqlite.base import DatabaseWrapper
from tests.databases import only_on

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("two_kept"),
    only_on("sqlite", "PostgreSQL keeps sessions"),
]


@pytest.fixture
def database(tmp_path) -> Path:
    return filled(tmp_path / "bank.sqlite3", "first", "second")


def filled(path: Path, *words: str) -> Path:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE word (text TEXT UNIQUE)")
        file.executemany("INSERT INTO word VALUES (?)", [(word,) for word in words])
    return path


def portal(database: Path) -> DatabaseWrapper:
    return DatabaseWrapper(connection.settings_dict | {"NAME": database}, "own")


def words(wrapper: DatabaseWrapper) -> list[str]:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT text FROM word ORDER BY text")
        return [word for (word,) in cursor.fetchall()]


def raw_of(wrapper: DatabaseWrapper) -> object:
    wrapper.ensure_connection()
    return wrapper.connection


def used_and_closed(database: Path) -> object:
    wrapper = portal(database)
    raw = raw_of(wrapper)
    wrapper.close()
    return raw


def test_one_that_is_closed_is_the_next_ones(database):
    first = used_and_closed(database)

    assert used_and_closed(database) is first


def test_two_at_a_time_have_one_each(database):
    used_and_closed(database)
    one, other = portal(database), portal(database)

    assert raw_of(one) is not raw_of(other)

    one.close()
    other.close()


def test_another_file_has_its_own(database, tmp_path):
    used_and_closed(database)
    other = portal(filled(tmp_path / "other.sqlite3", "elsewhere"))

    assert words(other) == ["elsewhere"]

    other.close()


def test_what_has_the_name_now_is_opened(database, tmp_path):
    used_and_closed(database)
    filled(tmp_path / "restored.sqlite3", "restored").replace(database)
    wrapper = portal(database)

    assert words(wrapper) == ["restored"]

    wrapper.close()


def test_the_next_sees_what_was_committed_since(database):
    wrapper = portal(database)
    cursor = wrapper.cursor()
    cursor.execute("SELECT text FROM word")
    assert cursor.fetchone()
    wrapper.close()
    with closing(sqlite3.connect(database)) as file, file:
        file.execute("INSERT INTO word VALUES ('third')")
    following = portal(database)

    assert words(following) == ["first", "second", "third"]

    following.close()


def test_one_in_a_transaction_is_not_kept_and_what_it_wrote_is_gone(database):
    wrapper = portal(database)
    raw = raw_of(wrapper)
    wrapper.set_autocommit(False)
    with wrapper.cursor() as cursor:
        cursor.execute("INSERT INTO word VALUES ('third')")
    wrapper.close()
    following = portal(database)

    assert raw_of(following) is not raw
    assert words(following) == ["first", "second"]

    following.close()


def test_one_that_is_closed_within_a_transaction_is_nobody_elses(database):
    wrapper = portal(database)
    raw = raw_of(wrapper)
    wrapper.in_atomic_block = True
    wrapper.close()

    assert used_and_closed(database) is not raw


def test_one_that_has_failed_is_not_kept(database):
    wrapper = portal(database)
    raw = raw_of(wrapper)
    with wrapper.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT nothing FROM nowhere")
    wrapper.close_if_unusable_or_obsolete()
    wrapper.close()

    assert used_and_closed(database) is not raw


def test_one_that_has_failed_in_a_transaction_is_not_kept(database):
    wrapper = portal(database)
    raw = raw_of(wrapper)
    wrapper.set_autocommit(False)
    with wrapper.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT nothing FROM nowhere")
    wrapper.rollback()
    wrapper.set_autocommit(True)
    wrapper.close()

    assert used_and_closed(database) is not raw


def test_one_that_refused_a_row_is_kept(database):
    wrapper = portal(database)
    raw = raw_of(wrapper)
    with wrapper.cursor() as cursor, pytest.raises(IntegrityError):
        cursor.execute("INSERT INTO word VALUES ('first')")
    wrapper.close()

    assert used_and_closed(database) is raw


def test_no_more_are_kept_than_a_few(database):
    wrappers = [portal(database) for _ in range(3)]
    raws = [raw_of(wrapper) for wrapper in wrappers]
    for wrapper in wrappers:
        wrapper.close()

    with pytest.raises(sqlite3.ProgrammingError):
        raws[-1].execute("SELECT 1")
    assert [raw.execute("SELECT 1").fetchone() for raw in raws[:-1]] == [(1,)] * 2


def test_they_are_let_go_at_the_end(database):
    raw = used_and_closed(database)

    kept._kept.close()

    with pytest.raises(sqlite3.ProgrammingError):
        raw.execute("SELECT 1")


def test_a_forked_process_neither_uses_nor_closes_its_parents(database, monkeypatch):
    raw = used_and_closed(database)
    with monkeypatch.context() as forked:
        forked.setattr("os.getpid", lambda: -1)

        assert kept._kept.take(str(database)) is None

    assert raw.execute("SELECT 1").fetchone() == (1,)
    raw.close()
