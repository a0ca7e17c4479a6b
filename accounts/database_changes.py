"""Tells that somebody has committed to the database, without reading any table."""

import time
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db import Error as DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

# On SQLite, asking this often takes 2 to 3% of a core, two thirds of it for waking up;
# through Django's own cursor it took 7%.
_PAUSE_SECONDS: Final = {"sqlite": 0.003, "postgresql": 0.005}
# What is submitted is posted some ten milliseconds later: whoever has seen one commit asks more
# often for the next, for a moment.
_EAGER_SECONDS: Final = {"sqlite": 0.001, "postgresql": 0.002}
_MOMENT_SECONDS: Final = 0.1
_QUESTIONS: Final = {
    # Differs when any other connection, of any process, has committed since.
    "sqlite": "PRAGMA data_version",
    # Differs whenever a transaction with writes has begun or ended.
    "postgresql": "SELECT pg_current_snapshot()::text",
}


class DatabaseChanges:
    """The database's change counter, watched over a connection of its own.

    For one thread; ``close`` it in that thread. It may report a change where there was
    none, and reports every change at least once: what committed before a call that gave
    True is visible to what the caller reads next. The first answer is True.
    """

    def __init__(self) -> None:
        self._connection: BaseDatabaseWrapper | None = None
        self._cursor: Any = None
        self._seen: object = None
        self._changed_at = 0.0

    def changed(self) -> bool:
        """Tell whether anything was committed since the last call. Never raises.

        A database that cannot be asked counts as changed, so that the caller's own query
        meets the error, and its own way of waiting answers it.
        """
        try:
            now = self._ask()
        except DatabaseError:
            self.close()
            return True
        if now == self._seen:
            return False
        self._seen, self._changed_at = now, time.monotonic()
        return True

    def wait(self, timeout_seconds: float) -> bool:
        """Block until something was committed; give False when the time is over instead."""
        deadline = time.monotonic() + timeout_seconds
        while not self.changed():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, self._pause()))
        return True

    def close(self) -> None:
        """Let go of the connection. The next call opens another and reports a change."""
        connection, self._connection = self._connection, None
        self._cursor = self._seen = None
        if connection is not None:
            connection.close()

    def _ask(self) -> object:
        if self._connection is None:
            self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
        with self._connection.wrap_database_errors:
            if self._cursor is None:
                self._connection.ensure_connection()
                self._cursor = self._connection.connection.cursor()
            self._cursor.execute(_QUESTIONS[self._connection.vendor])
            return self._cursor.fetchall()

    def _pause(self) -> float:
        if self._connection is None:
            return 0.01
        is_eager = time.monotonic() - self._changed_at < _MOMENT_SECONDS
        return (_EAGER_SECONDS if is_eager else _PAUSE_SECONDS)[self._connection.vendor]
