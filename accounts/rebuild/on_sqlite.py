"""Scratch tables on SQLite: in the same file, since attached files do not commit together."""

from django.db.backends.utils import CursorWrapper

from accounts.ledger.tables import LEDGER_TABLES, scratch_tables


class LedgerTableMissing(Exception):
    """The live ledger lacks a table, so there is nothing to make another one like."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The database has no table {name}. Bring the database back with: manage.py restore."
        )


def create(cursor: CursorWrapper) -> None:
    """Make empty scratch tables with the live ones' columns and constraints, and no other index."""
    for name in LEDGER_TABLES:
        scratch = scratch_tables().sql(name)
        cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [name])
        found = cursor.fetchone()
        if found is None:
            raise LedgerTableMissing(name)
        beginning, columns = found[0].split("(", 1)
        cursor.execute(f"{beginning.replace(name, scratch)}({columns}")


def drop(cursor: CursorWrapper) -> bool:
    """Remove what there is of scratch tables; say whether there was something."""
    found = [name for name in map(scratch_tables().sql, LEDGER_TABLES) if _is_there(cursor, name)]
    for name in found:
        cursor.execute(f'DROP TABLE "{name}"')
    return bool(found)


def put_in_place(cursor: CursorWrapper) -> str:
    """Let the scratch tables be the live ones, with those' indexes; drop those, and their triggers.

    Says where the former ones are: nowhere.
    """
    for name in LEDGER_TABLES:
        belongings = _belongings_of(cursor, name)
        cursor.execute(f'DROP TABLE "{name}"')
        cursor.execute(f'ALTER TABLE "{scratch_tables().sql(name)}" RENAME TO "{name}"')
        for statement in belongings:
            cursor.execute(statement)
    return ""


def _belongings_of(cursor: CursorWrapper, name: str) -> list[str]:
    # An index that belongs to a constraint has no text, and came with the table.
    cursor.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s"
        " AND sql IS NOT NULL ORDER BY rowid",
        [name],
    )
    return [statement for (statement,) in cursor.fetchall()]


def _is_there(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = %s", [name])
    return cursor.fetchone() is not None
