"""The triggers that keep rows as they were written: their SQL, and whether they are there.

Every migration that rebuilds one of these tables loses its triggers, silently on SQLite, and
so ends with ``RunPython(set_triggers)``; a test looks after all migrations. No start sets them:
one that was dropped behind the application's back stays missing, and is named, until somebody
asks for it (``verify_ledger --set-triggers``) or replaces the ledger as a whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True)
class KeptTable:
    """A table whose rows stay: its keys, and which columns are fixed (all, where none is named).

    Where ``freed_by`` names a column, a row may be deleted once that column is true.
    """

    name: str
    keys: tuple[tuple[str, ...], ...]
    fixed: tuple[str, ...] = ()
    freed_by: str = ""


KEPT_TABLES: Final = (
    KeptTable("accounts_entry", keys=(("id",), ("transaction_id",))),
    KeptTable("accounts_deadletter", keys=(("id",), ("log_id", "partition", "offset"))),
    KeptTable(
        "accounts_deadletterdecision",
        keys=(("id",), ("log_id", "partition", "offset"), ("outbox_id",)),
    ),
    KeptTable("accounts_submission", keys=(("id",), ("transaction_id",))),
    KeptTable(
        "accounts_outbox",
        keys=(("id",), ("submission_id",)),
        fixed=("id", "topic", "key", "value", "headers", "submission_id", "queued_at_ms"),
        freed_by="is_done",
    ),
    KeptTable("accounts_auditrecord", keys=(("id",),)),
    KeptTable("accounts_audithead", keys=(("id",),), fixed=("id",)),
)

_POSTGRESQL_FUNCTION: Final = "accounts_keep_row"
# TG_ARGV holds the fixed columns; without any, every change is refused.
_POSTGRESQL_BODY: Final = """
BEGIN
    IF TG_OP = 'DELETE' AND TG_NARGS > 0 THEN
        IF (to_jsonb(OLD) ->> 'is_done')::boolean THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' AND TG_NARGS > 0 THEN
        IF NOT EXISTS (
            SELECT FROM unnest(TG_ARGV) AS fixed
            WHERE to_jsonb(OLD) -> fixed IS DISTINCT FROM to_jsonb(NEW) -> fixed
        ) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE integrity_constraint_violation
        USING MESSAGE = TG_TABLE_NAME || ' keeps its rows: ' || TG_OP || ' refused';
END
"""

_ALL_ON_SQLITE: Final = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1"
_ALL_ON_POSTGRESQL: Final = """
    SELECT tgname, tgrelid::regclass::text FROM pg_trigger
    WHERE NOT tgisinternal AND pg_table_is_visible(tgrelid)
    UNION SELECT rulename, tablename::text FROM pg_rules WHERE schemaname = current_schema()
    ORDER BY 1
"""


def set_triggers(_apps: object, schema_editor: Any) -> None:
    """Put every trigger in place as it should be; for migrations, and whoever replaces a table."""
    connection: BaseDatabaseWrapper = schema_editor.connection
    with connection.cursor() as cursor:
        for statement in [*dropping(connection), *creating(connection)]:
            cursor.execute(statement)


def drop_triggers(_apps: object, schema_editor: Any) -> None:
    """Take every trigger away: the way back of a migration."""
    connection: BaseDatabaseWrapper = schema_editor.connection
    with connection.cursor() as cursor:
        for statement in dropping(connection):
            cursor.execute(statement)


def creating(connection: BaseDatabaseWrapper) -> list[str]:
    """Give the SQL that makes the triggers of the tables that are there."""
    statements = [text for _name, _table, text in _triggers_of_tables_there(connection)]
    if connection.vendor != "postgresql":
        return statements
    function = (
        f"CREATE OR REPLACE FUNCTION {_POSTGRESQL_FUNCTION}() RETURNS trigger "
        f"LANGUAGE plpgsql AS $body${_POSTGRESQL_BODY}$body$"
    )
    # Also in a session that plays a replica, where other triggers do not fire.
    always = [
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
        for name, table, _text in _triggers_of_tables_there(connection)
    ]
    return [function, *statements, *always]


def dropping(connection: BaseDatabaseWrapper) -> list[str]:
    """Give the SQL that takes the triggers away, where they are there."""
    on_table = " ON {}" if connection.vendor == "postgresql" else ""
    return [
        f"DROP TRIGGER IF EXISTS {name}{on_table.format(table)}"
        for name, table, _text in _triggers_of_tables_there(connection)
    ]


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Name each trigger that is missing, switched off or another one than it should be."""
    found = _found_on_postgresql if connection.vendor == "postgresql" else _found_on_sqlite
    there = found(connection)
    return [
        name
        for name, _table, text in _triggers(connection)
        if there.get(name) != " ".join(text.split())
    ]


def added_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Name each trigger, and on PostgreSQL each rule, that is none of ours, with its table.

    One such can drop or change what is written before anybody reads it, and leaves no trace.
    """
    ours = {(name, table) for name, table, _text in _triggers(connection)}
    with connection.cursor() as cursor:
        cursor.execute(_ALL_ON_POSTGRESQL if connection.vendor == "postgresql" else _ALL_ON_SQLITE)
        return [f"{each[0]} on {each[1]}" for each in cursor.fetchall() if each not in ours]


def _triggers(connection: BaseDatabaseWrapper) -> Iterator[tuple[str, str, str]]:
    """Give the name, the table and the SQL of each trigger."""
    write = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    for table in KEPT_TABLES:
        yield from ((name, table.name, text) for name, text in write(table))


def _triggers_of_tables_there(connection: BaseDatabaseWrapper) -> list[tuple[str, str, str]]:
    there = set(connection.introspection.table_names())
    return [each for each in _triggers(connection) if each[1] in there]


def _on_postgresql(table: KeptTable) -> Iterable[tuple[str, str]]:
    fixed = ", ".join(f"'{column}'" for column in table.fixed)
    call = f"EXECUTE FUNCTION {_POSTGRESQL_FUNCTION}({fixed})"
    row, all_rows = f"{table.name}_keeps_rows", f"{table.name}_keeps_all"
    # In the words in which PostgreSQL itself tells a trigger.
    yield row, f"CREATE TRIGGER {row} BEFORE DELETE OR UPDATE ON {table.name} FOR EACH ROW {call}"
    yield (
        all_rows,
        f"CREATE TRIGGER {all_rows} BEFORE TRUNCATE ON {table.name} FOR EACH STATEMENT "
        f"EXECUTE FUNCTION {_POSTGRESQL_FUNCTION}()",
    )


def _on_sqlite(table: KeptTable) -> Iterable[tuple[str, str]]:
    changed = " OR ".join(f'OLD."{column}" IS NOT NEW."{column}"' for column in table.fixed)
    # REPLACE takes a row away without the trigger on DELETE, so a key that is there is refused.
    taken = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table.name} WHERE "  # noqa: S608 our own names
        + " AND ".join(f'"{column}" = NEW."{column}"' for column in key)
        + ")"
        for key in table.keys
    )
    conditions = {
        "update": changed,
        "delete": f'NOT OLD."{table.freed_by}"' if table.freed_by else "",
        "insert": taken,
    }
    for act, condition in conditions.items():
        name = f"{table.name}_refuses_{act}"
        when = f"WHEN {condition} " if condition else ""
        yield (
            name,
            f"CREATE TRIGGER {name} BEFORE {act.upper()} ON {table.name} {when}BEGIN "
            f"SELECT RAISE(ABORT, '{table.name} keeps its rows: {act} refused'); END",
        )


def _found_on_sqlite(connection: BaseDatabaseWrapper) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {name: " ".join(text.split()) for name, text in cursor.fetchall()}


def _found_on_postgresql(connection: BaseDatabaseWrapper) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, pg_get_triggerdef(t.oid, true) FROM pg_trigger t "
            "JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgenabled = 'A' AND p.prosrc = %s "
            # Not those of tables that a rebuild has put aside, in a schema of their own.
            "AND pg_table_is_visible(t.tgrelid)",
            [_POSTGRESQL_BODY],
        )
        return {name: " ".join(text.split()) for name, text in cursor.fetchall()}
