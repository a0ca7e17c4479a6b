"""The SQLite file of the system in use until now: one table, values positive with a type."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from accounts.history.fields import (
    Malformed,
    read_account,
    read_any_day,
    read_balance,
    read_sign,
    read_value,
)
from accounts.history.rows import BadLine, HistoryNotUsable, HistoryRow

TABLE = "transactions"
COLUMNS = ("transaction_date", "account", "transaction_value", "balance", "transaction_type")
_IS_A_TABLE = "SELECT type = 'table' FROM sqlite_master WHERE lower(name) = 'transactions'"
_COLUMNS_OF = f"PRAGMA table_info({TABLE})"
_LAST_ROW = "SELECT max(rowid) FROM transactions"
_ROW_COUNT = "SELECT count(*) FROM transactions"
_NEXT_ROWS = """
    SELECT rowid, transaction_date, account, transaction_value, balance, transaction_type
    FROM transactions WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?
"""
_ROWS_AT_A_TIME = 2000
_HEADER_SIZE = 100
_WAL_FORMAT = 2


class SqliteHistory:
    """Rows of the table in the order in which they were written; their line is the rowid."""

    def __init__(self, connection: sqlite3.Connection, *, decimals: int) -> None:
        self._connection = connection
        self._decimals = decimals
        self._check_columns()
        self._last = self._ask(_LAST_ROW)[0][0]

    @property
    def most_rows(self) -> int:
        return int(self._ask(_ROW_COUNT)[0][0])

    def rows(self) -> Iterator[HistoryRow | BadLine]:
        if self._last is None:
            raise HistoryNotUsable(f"Its table {TABLE} is empty.")
        after = -(2**63)
        # By ranges: a cursor left open would keep the system in use from writing.
        while page := self._page(after):
            after = page[-1][0]
            for line, *columns in page:
                yield self._row(line, columns)

    def _page(self, after: int) -> list[Any]:
        return self._ask(_NEXT_ROWS, (after, self._last, _ROWS_AT_A_TIME))

    def _row(self, line: int, columns: list[object]) -> HistoryRow | BadLine:
        try:
            return HistoryRow(line, *_read(columns, self._decimals))
        except Malformed as malformed:
            return BadLine(line, str(malformed))

    def _check_columns(self) -> None:
        found = {name.casefold() for _, name, *_ in self._ask(_COLUMNS_OF)}
        # A view has no rows of its own, and may have no end of them.
        if not found or self._ask(_IS_A_TABLE) != [(1,)]:
            raise HistoryNotUsable(f"It is a SQLite file without a table {TABLE}.")
        if missing := [name for name in COLUMNS if name not in found]:
            raise HistoryNotUsable(f"Its table {TABLE} lacks the column {missing[0]}.")

    def _ask(self, query: str, values: tuple[int, ...] = ()) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except (sqlite3.Error, ValueError) as error:
            raise HistoryNotUsable(f"SQLite cannot read it: {error}.") from error


@contextmanager
def open_sqlite_history(path: Path, *, decimals: int) -> Iterator[SqliteHistory]:
    """Open the SQLite file at ``path``, which is neither changed nor joined by other files."""
    mode = "mode=ro&immutable=1" if _is_closed_wal(path) else "mode=ro"
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{mode}", uri=True)
    except sqlite3.Error as error:
        raise HistoryNotUsable(f"SQLite cannot open it: {error}.") from error
    # What is no UTF-8 becomes a bad line rather than the end of the reading.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    with closing(connection):
        yield SqliteHistory(connection, decimals=decimals)


def _is_closed_wal(path: Path) -> bool:
    """Say whether the file is in WAL mode and nobody has it open.

    Reading one in the usual way would leave two files beside it.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_SIZE)
    journal = path.with_name(f"{path.name}-wal")
    return header[18:20] == bytes([_WAL_FORMAT] * 2) and not journal.exists()


def _read(columns: list[object], decimals: int) -> tuple[date, str, int, int]:
    day, account, value, balance, kind = columns
    value_minor = read_value(value, decimals)
    if value_minor < 0:
        raise Malformed("the value is below zero; the type gives the sign")
    return (
        read_any_day(day),
        read_account(account),
        read_sign(kind) * value_minor,
        read_balance(balance, decimals),
    )
