"""The database backend that settings name."""

import atexit
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

from django.db.backends.sqlite3 import base

from accounts.kept_connections import KeptConnections, Opened
from accounts.ledger.precedence import before_the_next_batch

_WRITES: Final = ("INSERT", "UPDATE", "DELETE")

_kept: Final = KeptConnections()
# As many as work at the same time, usually.
_MOST_KEPT: Final = 4


def keep_connections() -> None:
    """Let connections that are closed stay open for the next, in a process that serves many."""
    _kept.most = _MOST_KEPT
    atexit.register(_kept.close)


class DatabaseWrapper(base.DatabaseWrapper):
    """Begins to write between two batches; see ``accounts.ledger.precedence``.

    So does each transaction, and each statement that writes outside of one. A connection that
    is closed in order may stay open for the next; see ``keep_connections``.
    """

    # Whether this connection has met any failure, also in a transaction that was rolled back.
    _has_failed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_write_before_the_next_batch)
        self._opened: Opened | None = None
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        """Give a connection that is kept, or open one."""
        self._has_failed = False
        path = str(conn_params["database"])
        self._opened = _kept.take(path)
        if self._opened is not None:
            return self._opened.raw
        raw: sqlite3.Connection = super().get_new_connection(conn_params)
        self._opened = Opened.to(path, raw)
        return raw

    def create_cursor(self, name: str | None = None) -> sqlite3.Cursor:
        """Give a cursor, which ends with the use of the connection."""
        cursor: sqlite3.Cursor = super().create_cursor(name)
        self._cursors.add(cursor)
        return cursor

    @property
    def errors_occurred(self) -> bool:
        """Whether a failure was met that Django has not dealt with."""
        return self._errors_occurred

    @errors_occurred.setter
    def errors_occurred(self, value: bool) -> None:
        # Django forgets it when a transaction ends. Whatever it came from may still be there.
        self._errors_occurred = value
        self._has_failed = self._has_failed or value

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        # One that was not read to its end would have the next see the ledger as it was then.
        for cursor in tuple(self._cursors):
            with suppress(sqlite3.ProgrammingError):
                cursor.close()
        if opened is None or self._has_failed or not _kept.keep(opened):
            super()._close()  # type: ignore[misc]

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
