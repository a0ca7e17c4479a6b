"""PostgreSQL sessions that are cut, or may not write, where the driver has a word of its own."""

from contextlib import closing
from threading import Thread

import psycopg
import pytest
from django.db import (
    DEFAULT_DB_ALIAS,
    InternalError,
    OperationalError,
    connection,
    connections,
)
from django.db.backends.postgresql.base import ServerSideCursor

from accounts.database_troubles import passes, said_plainly, streamed
from accounts.ledger.conclusions import understand
from accounts.ledger.identity import identity_of
from accounts.ledger.posting import post_batch
from accounts.models import Entry
from accounts.selectors.snapshot import snapshot
from tests.builders import LedgerInTest, delivered, opened, withdrawn
from tests.databases import SERVER_URL, ask_server, only_on
from tests.processes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    only_on("postgresql", "SQLite has no sessions"),
]


def cut(*_nothing: object) -> None:
    ask_server(f"SELECT pg_terminate_backend({connection.connection.info.backend_pid}, 5000)")


def test_cut_before_entries_are_copied_a_batch_is_one_to_be_posted_again(ledger: LedgerInTest):
    """Red where the copy is not wrapped: the consumer dies of the driver's own error."""
    # To refuse it nothing but the entry is written.
    batch = {
        "messages": [understand(delivered(withdrawn(account="C999"), 0))],
        "log_id": ledger.log.pk,
        "identity": identity_of(ledger.log),
        "expected": {0: 0},
    }

    with pytest.raises(OperationalError):
        post_batch(**batch, review=cut)
    connection.close()

    assert post_batch(**batch).rejected == 1


def test_a_limit_of_statements_is_named():
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 50")
        with pytest.raises(OperationalError) as caught:
            cursor.execute("SELECT pg_sleep(60)")
    connection.close()

    assert passes(caught.value)
    assert "raise statement_timeout of the portal's roles" in said_plainly(caught.value)


def test_a_limit_of_transactions_that_rest_is_named():
    def is_ended(process: int) -> bool:
        with psycopg.connect(SERVER_URL) as server:
            found = server.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [process])
            return found.fetchone() is None

    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 50")
        cursor.execute("BEGIN")
        process = connection.connection.info.backend_pid
        wait_until(lambda: is_ended(process), "the server ended the session")
        with pytest.raises(OperationalError) as caught:
            cursor.execute("SELECT 1")
    connection.close()

    assert passes(caught.value)
    assert "idle_in_transaction_session_timeout of the portal's roles" in said_plainly(caught.value)


def test_cut_before_a_cursor_is_closed_rows_end_as_with_any_cut(ledger: LedgerInTest, monkeypatch):
    """Red where the closing is not wrapped: the relay dies of the driver's own error."""
    ledger.post(opened())
    close = ServerSideCursor.close
    left: list[ServerSideCursor] = []

    def close_late(cursor: ServerSideCursor) -> None:
        left.append(cursor)
        cut()
        close(cursor)

    monkeypatch.setattr(ServerSideCursor, "close", close_late)

    with pytest.raises(OperationalError):
        list(streamed(Entry.objects.order_by("id")))
    connection.close()
    # Else it warns of itself in whichever test is on when it is collected.
    close(left.pop())


HEAD = "SELECT last_id FROM accounts_audithead FOR UPDATE"
CUT_WHEN_IT_WAITS = """
    DO $$ BEGIN
        WHILE NOT EXISTS (
            SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'
        ) LOOP
            PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
        END LOOP;
        PERFORM pg_terminate_backend({pid});
    END $$
"""


def test_cut_while_waiting_for_a_row_is_a_trouble_that_passes(ledger: LedgerInTest):
    """Red where the whole error is looked through: it names the row's table, as a missing one is.

    An agent was answered 500 then, and what was typed was lost.
    """
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    cutting = Thread(target=ask_server, args=(CUT_WHEN_IT_WAITS.format(pid=pid),))

    with closing(connections.create_connection(DEFAULT_DB_ALIAS)) as other:
        other.set_autocommit(False)
        other.cursor().execute(HEAD)
        cutting.start()
        with pytest.raises(OperationalError, match='relation "accounts_audithead"') as cut_off:
            connection.cursor().execute(HEAD)
        other.rollback()
    cutting.join()
    connection.close()

    assert passes(cut_off.value)


def test_on_a_server_that_takes_no_writes_a_batch_is_one_to_be_posted_again(ledger: LedgerInTest):
    """Red where the driver's word for it stands: the consumer dies of an internal error."""
    batch = {
        "messages": [understand(delivered(opened(), 0))],
        "log_id": ledger.log.pk,
        "identity": identity_of(ledger.log),
        "expected": {0: 0},
    }
    connection.cursor().execute("SET default_transaction_read_only = on")

    with pytest.raises(OperationalError, match="read-only transaction") as refused:
        post_batch(**batch)
    connection.close()

    assert passes(refused.value)
    assert post_batch(**batch).posted == 1


def test_what_is_written_where_we_only_meant_to_read_is_a_fault_of_ours(ledger: LedgerInTest):
    with pytest.raises(InternalError, match="read-only transaction") as refused, snapshot():
        connection.cursor().execute("DELETE FROM accounts_outbox")

    assert not passes(refused.value)
