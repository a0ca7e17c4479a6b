"""Copying SQLite's database while everybody writes to it."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from django.db import Error as DatabaseError
from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.models import Log, LogPosition
from streaming.manifest import BackupUnusable, put_on_disk

_COUNTED: Final = (
    "entry",
    "balance",
    "deadletter",
    "submission",
    "outbox",
    "account",
    "auditrecord",
)
_MIGRATIONS: Final = "SELECT app, name FROM django_migrations ORDER BY app, name"


Row = TypeVar("Row", Log, LogPosition)


@dataclass(frozen=True)
class Copied:
    """What the copied database holds: logs in order, positions, migrations, numbers of rows.

    ``audit_anchor`` is the end of its audit log.
    """

    logs: tuple[Log, ...]
    positions: tuple[LogPosition, ...]
    migrations: list[str]
    counts: dict[str, int]
    audit_anchor: str

    def positions_of(self, log: Log) -> list[LogPosition]:
        """Give the positions in ``log``."""
        return [at for at in self.positions if at.log_id == log.pk]


def copy_database(path: Path) -> Copied:
    """Copy the database to the new file ``path`` as of one moment, checked and on the disk.

    In one step: page by page it would begin anew at each commit of somebody else, and never
    end. Nobody waits for it.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        copy = sqlite3.connect(path)
        try:
            connection.connection.backup(copy, pages=-1)
            # One file is all of it then.
            copy.execute("PRAGMA journal_mode=DELETE")
            refuse_damaged(copy, path)
            found = _read(copy)
        finally:
            copy.close()
    put_on_disk(path)
    return found


def refuse_damaged(database: sqlite3.Connection, path: Path) -> None:
    """Raise ``BackupUnusable`` where SQLite finds something wrong with its file."""
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise BackupUnusable(f"{path} is damaged: {verdict}. Restore an earlier backup.")


def migrations_and_counts() -> tuple[list[str], dict[str, int], str]:
    """Give what ``Copied`` says of migrations, rows and audit log, of the live database."""
    with connection.cursor() as cursor:
        return _migrations(cursor), _counts(cursor), _audit_anchor(cursor)


def _read(copy: sqlite3.Connection) -> Copied:
    positions = _rows(copy, LogPosition)
    followed = {at.log_id for at in positions}
    logs = tuple(log for log in _rows(copy, Log) if log.pk in followed)
    cursor = copy.cursor()
    return Copied(logs, positions, _migrations(cursor), _counts(cursor), _audit_anchor(cursor))


def _rows(copy: sqlite3.Connection, model: type[Row]) -> tuple[Row, ...]:
    fields = model._meta.local_concrete_fields
    names = ", ".join(f'"{field.column}"' for field in fields)
    rows = copy.execute(f"SELECT {names} FROM {model._meta.db_table} ORDER BY id")  # noqa: S608
    return tuple(
        model(**{f.attname: f.to_python(value) for f, value in zip(fields, row, strict=True)})
        for row in rows
    )


def _migrations(cursor: "CursorWrapper | sqlite3.Cursor") -> list[str]:
    cursor.execute(_MIGRATIONS)
    return [f"{app}.{name}" for app, name in cursor.fetchall()]


def _audit_anchor(cursor: "CursorWrapper | sqlite3.Cursor") -> str:
    """Give the end of the audit log; "" before the migration that begins one, as in an update."""
    try:
        cursor.execute("SELECT last_id, last_hash FROM accounts_audithead")
    except (DatabaseError, sqlite3.DatabaseError):
        return ""
    found = cursor.fetchone()
    return f"{found[0]}:{bytes(found[1]).hex()}" if found else ""


def _counts(cursor: "CursorWrapper | sqlite3.Cursor") -> dict[str, int]:
    found = {}
    for name in _COUNTED:
        cursor.execute(f"SELECT count(*) FROM accounts_{name}")  # noqa: S608 a name of ours
        found[name] = int(cursor.fetchone()[0])
    return found
