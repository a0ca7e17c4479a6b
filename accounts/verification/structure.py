"""Whether the database itself still refuses what cannot be: its constraints, keys and pages."""

import re
from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import ForeignKey, Model
from django.db.transaction import atomic, set_rollback

from accounts.models import (
    KIND_BY_CODE,
    TRANSACTION_KINDS,
    DeadLetterDecision,
    EntryKind,
    Kind,
    Submission,
)
from accounts.verification.discrepancy import Discrepancy

# A constraint that was added as NOT VALID, or switched off, says so in its words.
_PARTS_ON_POSTGRESQL: Final = """
    SELECT format('%%I %%s%%s', attname, format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN ' NOT NULL' END)
    FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('CONSTRAINT %%I %%s', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'u')
    UNION ALL
    SELECT pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = %s::regclass AND indisvalid
"""


def check_structure() -> Iterator[Discrepancy]:
    """Compare the tables of the bank with what its models say, and look into SQLite's file."""
    for model in apps.get_app_config("accounts").get_models():
        missing = _missing_on_sqlite if connection.vendor == "sqlite" else _missing_on_postgresql
        for part in missing(model):
            yield Discrepancy(what=f"table {model._meta.db_table} lacks: {part}")
    yield from _check_kinds()
    if connection.vendor == "sqlite":
        yield from _check_pages()
        for model in (Submission, DeadLetterDecision):
            yield from _check_ids(model)


def _check_kinds() -> Iterator[Discrepancy]:
    signs = {Kind.ACCOUNT_OPENED: 1, Kind.DEPOSIT: 1, Kind.WITHDRAWAL: -1}
    expected = {
        (int(kind), code, signs[kind], kind in TRANSACTION_KINDS)
        for code, kind in KIND_BY_CODE.items()
    }
    found = set(EntryKind.objects.values_list("id", "code", "sign", "is_transaction"))
    for kind in sorted(found ^ expected):
        yield Discrepancy(what=f"kind {kind} is {'added' if kind in found else 'missing'}")


def _missing_on_sqlite(model: type[Model]) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT type, sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL",
            [model._meta.db_table],
        )
        statements = cursor.fetchall()
    tables = [text for kind, text in statements if kind == "table"]
    there = {_plain(text) for kind, text in statements if kind == "index"}
    there |= {part for text in tables for part in _parts(text)}
    editor: Any = connection.schema_editor(collect_sql=True)
    editor.deferred_sql = []
    create, _parameters = editor.table_sql(model)
    indexes = [*editor.deferred_sql, *editor._model_indexes_sql(model)]
    wanted = [*_parts(create), *(_plain(str(each)) for each in indexes)]
    yield from (part for part in wanted if part not in there)


def _plain(statement: str) -> str:
    return " ".join(statement.split()).rstrip(";")


def _parts(create: str) -> list[str]:
    """Give the columns and constraints of a CREATE TABLE, whose order migrations may change."""
    text = _plain(create)
    parts, depth = [""], 0
    for letter in text[text.index("(") + 1 : text.rindex(")")]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _missing_on_postgresql(model: type[Model]) -> Iterator[str]:
    """Compare with a temporary table that is made as the model says, and goes again at once."""
    table = model._meta.db_table
    editor: Any = connection.schema_editor(collect_sql=True)
    editor.deferred_sql = []
    create, _parameters = editor.table_sql(model)
    statements = map(str, [*editor.deferred_sql, *editor._model_indexes_sql(model)])
    with atomic(), connection.cursor() as cursor:
        there = _parts_on_postgresql(cursor, table)
        # From here on its name means the temporary one.
        cursor.execute(create.replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1))
        for statement in statements:
            # A temporary table cannot refer to others, so that foreign keys are asked apart.
            if " FOREIGN KEY " not in statement:
                cursor.execute(statement)
        wanted = _parts_on_postgresql(cursor, table)
        set_rollback(True)
    yield from (part for part in wanted if part not in there)
    yield from _missing_keys_on_postgresql(model)


def _parts_on_postgresql(cursor: CursorWrapper, table: str) -> list[str]:
    """Give columns, constraints and indexes in PostgreSQL's own words, without the schema."""
    cursor.execute(_PARTS_ON_POSTGRESQL, [table] * 3)
    return [re.sub(r" ON \S+ USING ", f" ON {table} USING ", text) for (text,) in cursor.fetchall()]


def _missing_keys_on_postgresql(model: type[Model]) -> Iterator[str]:
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, model._meta.db_table).values()
    keys = {each["columns"][0]: each["foreign_key"] for each in there if each["foreign_key"]}
    for field in model._meta.local_fields:
        if isinstance(field, ForeignKey) and field.db_constraint:  # type: ignore[attr-defined]
            table, column = field.related_model._meta.db_table, field.target_field.column
            if keys.get(field.column) != (table, column):
                yield f"FOREIGN KEY ({field.column}) REFERENCES {table}.{column}"


def _check_ids(model: type[Model]) -> Iterator[Discrepancy]:
    """Look whether as many rows are there as SQLite ever gave ids to.

    Nothing removes such a row, and what is rolled back gives its id back on SQLite.
    """
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT count(*) FROM {table}), "  # noqa: S608 a name of ours
            "coalesce((SELECT seq FROM sqlite_sequence WHERE name = %s), 0)",
            [table],
        )
        there, given = cursor.fetchone()
    if there != given:
        yield Discrepancy(
            what=f"{there:,} rows are in {table}, and {given:,} were written: rows were removed "
            "or added behind the portal's back"
        )


def _check_pages() -> Iterator[Discrepancy]:
    """Ask SQLite whether its indexes hold each row, and each row its constraints and keys."""
    with connection.cursor() as cursor:
        for model in apps.get_app_config("accounts").get_models():
            table = model._meta.db_table
            cursor.execute(f'PRAGMA integrity_check("{table}")')
            for (said,) in cursor.fetchall():
                if said != "ok":
                    yield Discrepancy(what=f"SQLite says of {table}: {said}")
            cursor.execute(f'PRAGMA foreign_key_check("{table}")')
            for _table, row, parent, _key in cursor.fetchall():
                yield Discrepancy(what=f"row {row} of {table} refers to no row of {parent}")
