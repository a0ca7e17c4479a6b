"""A small write goes before the next batch, and neither waits for ever for the other."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from accounts.ledger import precedence
from accounts.ledger.posting import Outcomes
from accounts.ledger.precedence import Batches, batch_path, before_the_next_batch, waiting_path
from bankportal.fair_sqlite.base import DatabaseWrapper
from tests.builders import LedgerInTest, opened
from tests.databases import only_on
from tests.processes import wait_until


@pytest.fixture
def database(tmp_path) -> str:
    path = tmp_path / "bank.sqlite3"
    path.touch(0o640)
    return str(path)


@pytest.fixture(autouse=True)
def batches_that_take_long(monkeypatch):
    """Let no busy machine make a batch look frozen."""
    monkeypatch.setattr(precedence, "LONGEST_BATCH_S", 60)


class Other(threading.Thread):
    """Enters ``context`` beside the test, and leaves it when told."""

    def __init__(self, context) -> None:
        super().__init__(daemon=True)
        self._context = context
        self.is_in = threading.Event()
        self._may_leave = threading.Event()

    def run(self) -> None:
        with self._context:
            self.is_in.set()
            self._may_leave.wait()

    def leave(self) -> None:
        self._may_leave.set()
        self.join()


@contextmanager
def beside(context) -> Iterator[Other]:
    other = Other(context)
    other.start()
    try:
        yield other
    finally:
        other.leave()


def test_a_small_write_waits_for_the_batch_being_written_and_not_longer(database):
    batches = Batches(database)
    with beside(batches.next()) as batch:
        assert batch.is_in.wait(5)
        with beside(before_the_next_batch(database)) as small:
            assert not small.is_in.wait(0.05)
            batch.leave()
            assert small.is_in.wait(5)


def test_a_batch_gives_way_to_a_small_write_that_waits(database, monkeypatch):
    monkeypatch.setattr(precedence, "LONGEST_COURTESY_S", 60)
    batches = Batches(database)
    with beside(before_the_next_batch(database)) as small:
        assert small.is_in.wait(5)
        with beside(batches.next()) as batch:
            assert not batch.is_in.wait(0.05)
            small.leave()
            assert batch.is_in.wait(5)


def test_a_batch_tells_whether_somebody_waited_for_it(database):
    batches = Batches(database)
    with batches.next():
        pass
    assert not batches.are_waited_for

    with beside(batches.next()) as batch:
        assert batch.is_in.wait(5)
        with beside(before_the_next_batch(database)):
            wait_until(lambda: not batches._nobody_waits(), "it says that it waits")
            batch.leave()
    assert batches.are_waited_for


def test_one_that_waited_for_a_batch_comes_before_the_next_one(database, monkeypatch):
    """As in a backlog, where the writing process begins its next batch at once."""
    monkeypatch.setattr(precedence, "LONGEST_COURTESY_S", 60)
    batches = Batches(database)
    order = []
    with beside(batches.next()) as batch:
        assert batch.is_in.wait(5)

        def write() -> None:
            with before_the_next_batch(database):
                order.append("small")

        writing = threading.Thread(target=write)
        writing.start()
        wait_until(lambda: not batches._nobody_waits(), "it says that it waits")
        batch.leave()
        with batches.next():
            order.append("batch")
        writing.join()

    assert order == ["small", "batch"]


def test_small_writes_without_end_hold_up_a_batch_for_a_moment_only(database):
    batches = Batches(database)
    with beside(before_the_next_batch(database)) as small:
        assert small.is_in.wait(5)
        with batches.next():
            assert small.is_alive()


def test_a_batch_that_did_not_give_way_is_waited_for_all_the_same(database):
    batches = Batches(database)
    with beside(before_the_next_batch(database)) as first:
        assert first.is_in.wait(5)
        second = Other(before_the_next_batch(database))
        with batches.next():
            second.start()
            assert not second.is_in.wait(0.05)
        assert second.is_in.wait(5)
        second.leave()


def test_a_batch_that_is_frozen_holds_up_a_small_write_for_a_moment_only(database, monkeypatch):
    monkeypatch.setattr(precedence, "LONGEST_BATCH_S", 0.01)
    with beside(Batches(database).next()) as batch:
        assert batch.is_in.wait(5)
        with before_the_next_batch(database):
            assert batch.is_alive()


def test_without_batches_nothing_is_waited_for_and_nothing_is_made(database, tmp_path):
    with before_the_next_batch(database):
        assert [each.name for each in tmp_path.iterdir()] == ["bank.sqlite3"]


def test_what_it_opens_is_closed_again(database):
    batches = Batches(database)
    for _each in range(3):
        with before_the_next_batch(database):
            pass
        with batches.next():
            pass

    for path in (batch_path(database), waiting_path(database)):
        with Path(path).open() as file:
            assert precedence._is_locked(file.fileno(), precedence.fcntl.LOCK_EX)


def test_whoever_may_open_the_database_may_open_its_files_of_turns(database):
    """Red without ``_made``: after a consumer of root's no agent would be given way to."""
    Batches(database)

    for path in (batch_path(database), waiting_path(database)):
        assert Path(path).stat().st_mode & 0o777 == 0o640


def begin(portal: DatabaseWrapper) -> None:
    portal.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def write_at_once(portal: DatabaseWrapper) -> None:
    """As ``update`` of a model does, which opens no transaction."""
    with portal.cursor() as cursor:
        cursor.execute("INSERT INTO note VALUES (%s)", ["written"])


@pytest.mark.django_db
@only_on("sqlite", "PostgreSQL grants its locks in turn")
@pytest.mark.parametrize("act", [begin, write_at_once])
def test_what_writes_to_the_portals_database_begins_between_two_batches(database, act):
    batches, began = Batches(database), threading.Event()
    made = settings.DATABASES["default"] | {"NAME": database}
    with closing(sqlite3.connect(database)) as plain:
        plain.execute("CREATE TABLE note (text)")

    def write() -> None:
        portal = DatabaseWrapper(connection.settings_dict | made, "own")
        act(portal)
        began.set()
        portal.close()

    with batches.next():
        writing = threading.Thread(target=write)
        writing.start()
        assert not began.wait(0.05)
    assert began.wait(5)
    writing.join()


@pytest.mark.django_db
@only_on("sqlite", "PostgreSQL grants its locks in turn")
def test_what_reads_waits_for_no_batch(database):
    read = threading.Event()

    def look() -> None:
        portal = DatabaseWrapper(connection.settings_dict | {"NAME": database}, "own")
        with portal.cursor() as cursor:
            cursor.execute("SELECT 1")
        read.set()
        portal.close()

    reading = threading.Thread(target=look)
    with Batches(database).next():
        reading.start()
        assert read.wait(5)
    reading.join()


def test_it_is_the_portals_database_where_that_is_sqlite():
    assert settings.DATABASES["default"]["ENGINE"] == (
        "bankportal.kept_postgresql" if settings.DATABASE_URL else "bankportal.fair_sqlite"
    )


@only_on("sqlite", "PostgreSQL grants its locks in turn")
def test_what_the_consumer_posts_itself_gives_way_too(transactional_db, monkeypatch):
    """Red without its turn: in an import an agent waited for one small batch after the other."""
    monkeypatch.setattr(precedence, "LONGEST_COURTESY_S", 60)
    ledger, file = LedgerInTest(), str(connection.settings_dict["NAME"])
    outcomes: list[Outcomes] = []
    Batches(file)

    def post() -> None:
        outcomes.append(ledger.post(opened()))
        connection.close()

    posting = threading.Thread(target=post)
    with beside(before_the_next_batch(file)) as small:
        assert small.is_in.wait(5)
        posting.start()
        posting.join(0.05)
        assert not outcomes
        small.leave()
        posting.join(10)

    assert outcomes[0].posted == 1
    # It may write, for it is the batch itself; whoever looked waits for no batch any more.
    with before_the_next_batch(file):
        pass
