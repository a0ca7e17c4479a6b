"""A session at PostgreSQL that is closed stays open for the next, and is as it was opened."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection

from bankportal.kept_postgresql import base
from bankportal.kept_postgresql.base import DatabaseWrapper
from bankportal.setting_rules import postgresql_database
from tests.databases import SERVER_URL, only_on

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("two_kept"),
    only_on("postgresql", "a file has nobody at its other end"),
]


@pytest.fixture
def portal() -> Iterator[DatabaseWrapper]:
    wrapper = DatabaseWrapper(connection.settings_dict, "own")
    yield wrapper
    wrapper.close()


def asked(wrapper: DatabaseWrapper, sql: str) -> object:
    with wrapper.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


def used_and_closed(wrapper: DatabaseWrapper, *statements: str) -> psycopg.Connection:
    wrapper.ensure_connection()
    raw = wrapper.connection
    for statement in statements:
        asked(wrapper, statement)
    wrapper.close()
    return raw


def test_one_that_is_closed_is_the_next_ones(portal):
    first = used_and_closed(portal, "SELECT 1")

    assert used_and_closed(portal, "SELECT 1") is first


def test_the_next_finds_no_setting_lock_or_table_of_the_one_before(portal):
    first = used_and_closed(
        portal,
        "SELECT pg_advisory_lock(1_234_567)",
        "SET application_name = 'of the one before'",
        "SET synchronous_commit = off",
        "CREATE TEMPORARY TABLE word (text TEXT)",
    )
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1234567"

    assert asked(portal, "SHOW application_name") == ""
    assert portal.connection is first
    assert asked(portal, locks) == 0
    assert asked(portal, "SELECT to_regclass('pg_temp.word')") is None
    assert asked(portal, "SHOW timezone") == "UTC"
    assert asked(portal, "SHOW lock_timeout") == "10s"
    assert asked(portal, "SHOW synchronous_commit") == "on"


def test_another_database_or_name_has_its_own(portal):
    used_and_closed(portal)
    settings = connection.settings_dict
    other = DatabaseWrapper(settings | {"NAME": "postgres"}, "other")

    assert asked(other, "SELECT current_database()") == "postgres"

    other.close()


def test_one_that_the_server_has_ended_is_not_used_again(portal):
    raw = used_and_closed(portal, "SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [raw.info.backend_pid])
        assert cursor.fetchone() == (True,)

    assert asked(portal, "SELECT 1") == 1
    assert portal.connection is not raw
    assert raw.closed


def test_one_that_lay_idle_for_long_is_not_used_again(portal, monkeypatch):
    raw = used_and_closed(portal)
    monkeypatch.setattr(base, "_IDLE_S", -1.0)

    assert asked(portal, "SELECT 1") == 1
    assert portal.connection is not raw


def test_of_several_servers_it_is_at_the_one_that_takes_writes(postgresql_server):
    with psycopg.connect(postgresql_server.url, autocommit=True) as standby:
        standby.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        standby.execute("SELECT pg_reload_conf()")
    standby, primary = (
        psycopg.conninfo.conninfo_to_dict(url)["host"]
        for url in (postgresql_server.url, SERVER_URL)
    )
    url = f"postgres://postgres@/postgres?host={standby},{primary}"
    wrapper = DatabaseWrapper(connection.settings_dict | postgresql_database(url), "several")

    assert asked(wrapper, "SHOW default_transaction_read_only") == "off"
    assert wrapper.connection.info.host == primary

    wrapper.close()


@pytest.mark.parametrize(
    ("query", "commits"),
    [("", "on"), ("&options=-c%20synchronous_commit%3Dremote_apply", "remote_apply")],
)
def test_commits_are_waited_for_whatever_database_and_role_say(postgresql_server, query, commits):
    with psycopg.connect(postgresql_server.url, autocommit=True) as session:
        for place in ("DATABASE postgres", "ROLE postgres"):
            session.execute(f"ALTER {place} SET synchronous_commit = off")
        host = session.info.host
    url = f"postgres://postgres@/postgres?host={host}{query}"
    wrapper = DatabaseWrapper(connection.settings_dict | postgresql_database(url), "careless")

    assert asked(wrapper, "SHOW synchronous_commit") == commits

    wrapper.close()


def test_one_that_has_met_a_server_without_writes_is_not_kept(portal):
    portal.ensure_connection()
    raw = portal.connection
    asked(portal, "SET default_transaction_read_only = on")
    with pytest.raises(OperationalError, match="read-only transaction"):
        asked(portal, "CREATE TABLE left_behind (text TEXT)")
    portal.close()

    assert raw.closed


def test_one_in_a_transaction_is_not_kept_and_what_it_wrote_is_gone(portal):
    portal.ensure_connection()
    raw = portal.connection
    portal.set_autocommit(False)
    asked(portal, "CREATE TABLE left_behind (text TEXT)")
    portal.close()

    assert asked(portal, "SELECT to_regclass('left_behind')") is None
    assert portal.connection is not raw
    assert raw.closed


def test_one_that_is_closed_within_a_transaction_is_nobody_elses(portal):
    portal.ensure_connection()
    raw = portal.connection
    other = DatabaseWrapper(connection.settings_dict, "other")
    portal.in_atomic_block = True
    portal.close()

    assert asked(other, "SELECT 1") == 1
    assert other.connection is not raw
    assert raw.closed

    other.close()
    portal.in_atomic_block = portal.closed_in_transaction = False


def test_one_that_had_a_cursor_of_the_servers_is_not_kept(portal):
    portal.ensure_connection()
    raw = portal.connection
    with portal.chunked_cursor() as cursor:
        cursor.execute("SELECT 1")
    portal.close()

    assert raw.closed


def test_one_that_is_old_is_not_kept(portal, monkeypatch):
    monkeypatch.setattr(base, "_OLDEST_S", -1.0)

    assert used_and_closed(portal).closed


def test_no_password_is_told(portal):
    portal.ensure_connection()

    assert portal._opened.address not in repr(portal._opened)


def test_one_that_has_failed_is_not_kept(portal):
    portal.ensure_connection()
    raw = portal.connection
    with pytest.raises(DatabaseError):
        asked(portal, "SELECT nothing FROM nowhere")
    portal.close_if_unusable_or_obsolete()
    portal.close()

    assert raw.closed


def test_a_forked_process_neither_uses_nor_closes_its_parents(portal, monkeypatch):
    raw = used_and_closed(portal)
    with monkeypatch.context() as forked:
        forked.setattr("os.getpid", lambda: -1)

        assert asked(portal, "SELECT 1") == 1
        assert portal.connection is not raw

    assert not raw.closed
    raw.close()
