"""Relay and consumer while the database is full or away: they wait, and lose nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.db import OperationalError, connection

from accounts.events import encode
from streaming.database_away import DatabaseAway
from streaming.stopping import StopRequest
from tests.builders import opened, submitted
from tests.databases import only_on
from tests.processes import wait_until
from tests.streaming.test_posting_end_to_end import Bank

MOST_PAGES = 600
WAITS = "Waiting for the database. The database cannot be used: "
GOES_ON = "The database serves again; going on."


@pytest.fixture
def small_bank(kafka, tmp_path):
    bank = Bank(
        tmp_path, kafka.bootstrap_servers, DJANGO_SETTINGS_MODULE="tests.streaming.small_database"
    )
    bank.manage("migrate", "-v0")
    bank.create_topics()
    yield bank
    bank.close()


@only_on("sqlite", "a bound on its pages")
def test_a_full_database_is_waited_for_said_once_and_nothing_is_lost_or_twice(small_bank):
    bank = small_bank
    # More at once than the rest of any page that is there can take.
    bank.publish(*map(encode, [opened(), *[submitted(1) for _ in range(500)]]))
    bank.submit(*[("DEPOSIT", 1)] * 200)
    fill(bank)

    processes = [bank.start("run_relay"), bank.start("run_consumer")]
    wait_until(lambda: WAITS in bank.output_of("run_consumer"), "it says that it waits")
    pages = bank.value("PRAGMA page_count")
    make_room(bank)
    wait_until(lambda: bank.balance("C100") == 700, "all is posted")

    said = bank.output_of("run_consumer")
    assert said.count(WAITS) == said.count(GOES_ON) == 1
    assert f"{WAITS}database or disk is full. Free some space on the disk" in said
    assert pages == MOST_PAGES
    assert bank.entries() == 701
    assert bank.value("PRAGMA integrity_check") == "ok"
    assert [each.poll() for each in processes] == [None, None]


def fill(bank: Bank) -> None:
    """Take all the pages there are."""
    with closing(connected(bank)) as connection:
        connection.execute("CREATE TABLE ballast (bytes BLOB)")
        for size in (100_000, 1_000):
            while has_room_for(connection, size):
                pass


def has_room_for(connection: sqlite3.Connection, size: int) -> bool:
    try:
        connection.execute("INSERT INTO ballast VALUES (zeroblob(?))", [size])
    except sqlite3.OperationalError as full:
        assert "full" in str(full)
        return False
    return True


def make_room(bank: Bank) -> None:
    with closing(connected(bank)) as connection:
        connection.execute("DROP TABLE ballast")


def connected(bank: Bank) -> sqlite3.Connection:
    path = bank.folder / "bankportal.sqlite3"
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute(f"PRAGMA max_page_count={MOST_PAGES}")
    return connection


@pytest.fixture
def bank_on_postgresql(kafka, tmp_path, postgresql_server):
    bank = Bank(tmp_path, kafka.bootstrap_servers, DATABASE_URL=postgresql_server.url)
    bank.manage("migrate", "-v0")
    bank.create_topics()
    yield bank
    bank.close()


@only_on("postgresql", "a server that can be away")
def test_a_postgresql_that_is_away_at_start_or_later_is_waited_for(
    bank_on_postgresql, postgresql_server
):
    bank = bank_on_postgresql
    bank.publish(encode(opened()))
    bank.submit(("DEPOSIT", 700))
    consumer = bank.start("run_consumer")
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")

    postgresql_server.stop()
    relay = bank.start("run_relay")
    bank.publish(encode(opened(account="C200")))
    for each in ("run_consumer", "run_relay"):
        wait_until(lambda each=each: WAITS in bank.output_of(each), f"{each} says that it waits")
    postgresql_server.start()
    wait_until(lambda: bank.balance("C100") == 700, "what was submitted is posted")

    wait_until(lambda: bank.balance("C200") == 0, "what was published meanwhile is posted")
    assert bank.entries() == 3
    for each in ("run_consumer", "run_relay"):
        said = bank.output_of(each)
        assert said.count(WAITS) == said.count(GOES_ON) == 1, said
        assert "Traceback" not in said
    assert (consumer.poll(), relay.poll()) == (None, None)


@pytest.mark.fault("14b")
@only_on("postgresql", "a server that can be read only")
def test_a_postgresql_that_takes_no_writes_for_a_while_is_waited_for(bank_on_postgresql):
    """Red where that is an internal error: both end with a traceback."""
    bank = bank_on_postgresql
    processes = [bank.start("run_consumer"), bank.start("run_relay")]
    bank.publish(encode(opened()))
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")
    bank.submit(("DEPOSIT", 700))
    wait_until(lambda: bank.balance("C100") == 700, "the deposit is posted")

    with taking_no_writes(bank):
        bank.publish(encode(opened(account="C200")))
        for each in ("run_consumer", "run_relay"):
            wait_until(lambda each=each: WAITS in bank.output_of(each), f"{each} waits")
    bank.submit(("DEPOSIT", 50))
    wait_until(lambda: bank.balance("C100") == 750, "what is submitted then is posted")

    wait_until(lambda: bank.balance("C200") == 0, "what was published meanwhile is posted")
    for each in ("run_consumer", "run_relay"):
        said = bank.output_of(each)
        assert "read-only" in said
        assert "Traceback" not in said
    assert [each.poll() for each in processes] == [None, None]


@contextmanager
def taking_no_writes(bank: Bank) -> Iterator[None]:
    """Let no session of the server write meanwhile, neither those there are nor new ones."""
    with psycopg.connect(bank.database.url, autocommit=True) as session:
        session.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        session.execute("SELECT pg_reload_conf()")
        yield
        session.execute("ALTER SYSTEM RESET default_transaction_read_only")
        session.execute("SELECT pg_reload_conf()")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_failed_is_given_up_and_each_outage_said_once(caplog):
    caplog.set_level("INFO", "streaming.database_away")
    away = DatabaseAway(StopRequest())
    connection.ensure_connection()

    away.wait(OperationalError("database is locked"))
    was_given_up = connection.connection is None
    away.wait(OperationalError("disk I/O error"))
    for _ in range(2):
        away.is_back()
    away.wait(OperationalError("database is locked"))

    assert was_given_up
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
