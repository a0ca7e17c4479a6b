"""The database backend that settings name."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

from django.db.backends.sqlite3 import base

from accounts.kept_connections import OpenedFile
from accounts.ledger.precedence import before_the_next_batch
from bankportal.kept import KeepsConnections

_WRITES: Final = ("INSERT", "UPDATE", "DELETE")


class DatabaseWrapper(KeepsConnections, base.DatabaseWrapper):
    """Begins to write between two batches; see ``accounts.ledger.precedence``.

    So does each transaction, and each statement that writes outside of one. A connection that
    is closed in order may stay open for the next; see ``bankportal.kept``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_write_before_the_next_batch)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        """Give a connection that is kept, or open one."""
        path = str(conn_params["database"])
        if (kept := self.kept(path)) is not None:
            raw: sqlite3.Connection = kept.raw
            return raw
        raw = super().get_new_connection(conn_params)
        self._opened = OpenedFile.to(path, raw)
        return raw

    def create_cursor(self, name: str | None = None) -> sqlite3.Cursor:
        """Give a cursor, which ends with the use of the connection."""
        cursor: sqlite3.Cursor = super().create_cursor(name)
        self._cursors.add(cursor)
        return cursor

    def _close(self) -> None:
        # One that was not read to its end would have the next see the ledger as it was then.
        for cursor in tuple(self._cursors):
            with suppress(sqlite3.ProgrammingError):
                cursor.close()
        super()._close()

    def _start_transaction_under_autocommit(self) -> None:
        with before_the_next_batch(str(self.settings_dict["NAME"])):
            super()._start_transaction_under_autocommit()  # type: ignore[misc]


def _write_before_the_next_batch(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    wrapper: DatabaseWrapper = context["connection"]
    if wrapper.in_atomic_block or not sql.lstrip().startswith(_WRITES):
        return execute(sql, params, many, context)
    with before_the_next_batch(str(wrapper.settings_dict["NAME"])):
        return execute(sql, params, many, context)
