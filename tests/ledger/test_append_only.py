"""What was written stays as it was written, whoever writes."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.transaction import atomic

from accounts.identifiers import new_transaction_id
from accounts.ledger.append_only import KEPT_TABLES, missing_triggers
from accounts.models import (
    Account,
    Agent,
    Branch,
    DeadLetterDecision,
    Decision,
    Entry,
    Kind,
    Outbox,
)
from accounts.services.submissions import submit_transaction
from tests.builders import opened, raw, submitted
from tests.databases import only_on

on_sqlite = only_on("sqlite", "its own ways past a trigger")
on_postgresql = only_on("postgresql", "its own ways past a trigger")

TABLES = [table.name for table in KEPT_TABLES]


@pytest.fixture
def filled(ledger):
    """A row in every table that keeps its rows."""
    branch = Branch.objects.create(code="lyon", name="Lyon")
    admin = Agent.objects.create(username="teller", role="teller", branch=branch)
    ledger.post(opened(), submitted(10_000))
    ledger.post_messages([raw(b"nothing", 2)])
    Account.objects.update(branch=branch)
    submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=500,
        by=admin,
    )
    DeadLetterDecision.objects.create(
        log=ledger.log,
        partition=0,
        offset=2,
        decision=Decision.DISCARDED,
        reason="noise",
        decided_by="operator",
        decided_at_ms=1,
    )
    return ledger


def refused(statement: str) -> None:
    with (
        connection.cursor() as cursor,
        pytest.raises(IntegrityError, match="keeps its rows"),
        atomic(),
    ):
        cursor.execute(statement)


def columns_of(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [each.name for each in connection.introspection.get_table_description(cursor, table)]


def test_after_all_migrations_every_trigger_is_there(db):
    assert missing_triggers(connection) == []


@pytest.mark.parametrize("table", [table.name for table in KEPT_TABLES if not table.fixed])
def test_no_column_of_a_row_changes(filled, table):
    for column in columns_of(table):
        refused(f'UPDATE {table} SET "{column}" = "{column}"')


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_deleted(filled, table):
    refused(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", TABLES)
@on_sqlite
def test_no_row_is_replaced(filled, table):
    refused(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize(
    ("table", "key"),
    [(table.name, key) for table in KEPT_TABLES for key in table.keys if key != ("id",)],
)
@on_sqlite
def test_no_row_is_replaced_through_another_of_its_keys(filled, table, key):
    with connection.cursor() as cursor:
        conditions = " AND ".join(f'"{column}" IS NOT NULL' for column in key)
        cursor.execute(f"SELECT count(*) FROM {table} WHERE {conditions}")
        if cursor.fetchone() == (0,):
            pytest.skip("no row here has that key")
    others = ", ".join(f'"{column}"' for column in columns_of(table) if column != "id")
    refused(f"INSERT OR REPLACE INTO {table} ({others}) SELECT {others} FROM {table}")


@pytest.mark.parametrize("table", TABLES)
@on_postgresql
def test_no_table_is_truncated(filled, table):
    connection.check_constraints()

    refused(f"TRUNCATE {table} CASCADE")


@on_postgresql
def test_a_session_that_plays_a_replica_changes_nothing_either(filled):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")

    refused("DELETE FROM accounts_entry")


@pytest.mark.parametrize(
    "change",
    ["value = 'x'", "key = NULL", "topic = 'elsewhere'", "submission_id = NULL", "headers = '{}'"],
)
def test_what_waits_in_the_outbox_keeps_its_bytes(filled, change):
    refused(f"UPDATE accounts_outbox SET {change} WHERE submission_id IS NOT NULL")


def test_the_relay_may_note_in_the_outbox_what_it_did_and_clear_what_is_done(filled):
    waiting = Outbox.objects.get(submission=None)

    waiting.attempts = 1
    waiting.published_at_ms, waiting.log, waiting.partition, waiting.offset = 1, filled.log, 0, 0
    waiting.is_done = True
    waiting.save()
    waiting.delete()

    assert not Outbox.objects.filter(submission=None).exists()


def test_a_trigger_that_is_dropped_is_named(db):
    name = "refuses_insert" if connection.vendor == "sqlite" else "keeps_all"
    on_table = "" if connection.vendor == "sqlite" else " ON accounts_entry"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER accounts_entry_{name}{on_table}")

    assert missing_triggers(connection) == [f"accounts_entry_{name}"]


def test_a_trigger_that_does_something_else_is_named(db):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            name = "accounts_entry_refuses_update"
            cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE UPDATE ON accounts_entry WHEN 0 BEGIN SELECT 1; END"
            )
        else:
            name = "accounts_entry_keeps_rows"
            cursor.execute(f"ALTER TABLE accounts_entry ENABLE TRIGGER {name}")

    assert missing_triggers(connection) == [name]


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_rebuilds_a_table_is_caught():
    with connection.schema_editor(atomic=False) as editor:
        editor._remake_table(Entry)

    assert [name for name in missing_triggers(connection) if "accounts_entry" in name] == [
        f"accounts_entry_refuses_{act}" for act in ("update", "delete", "insert")
    ]


@pytest.mark.django_db(transaction=True)
def test_the_migration_goes_back_and_forth():
    call_command("migrate", "accounts", "0005", verbosity=0)
    without = missing_triggers(connection)
    call_command("migrate", "accounts", verbosity=0)

    assert len(without) == len(TABLES) * (3 if connection.vendor == "sqlite" else 2)
    assert missing_triggers(connection) == []
