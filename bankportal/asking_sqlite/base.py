"""The database backend that settings name."""

import time
from typing import Any, Final

from django.db import OperationalError
from django.db.backends.sqlite3 import base

# SQLite's own handler asks less and less often, up to every 100 ms, and so misses the moments
# between the batches of a consumer that has much to post.
ASK_AGAIN_S: Final = 0.001
_BUSY: Final = 5


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks for the write lock each millisecond, for as long as ``busy_timeout`` says."""

    def _start_transaction_under_autocommit(self) -> None:
        with self.wrap_database_errors:
            cursor = self.connection.cursor()
            (patience_ms,) = cursor.execute("PRAGMA busy_timeout").fetchone()
            cursor.execute("PRAGMA busy_timeout=0")
        try:
            self._begin(until=time.monotonic() + patience_ms / 1_000)
        finally:
            cursor.execute(f"PRAGMA busy_timeout={patience_ms}")
            cursor.close()

    def _begin(self, *, until: float) -> None:
        while True:
            try:
                super()._start_transaction_under_autocommit()  # type: ignore[misc]
            except OperationalError as error:
                if not _is_busy(error.__cause__) or time.monotonic() >= until:
                    raise
                time.sleep(ASK_AGAIN_S)
            else:
                return


def _is_busy(error: Any) -> bool:
    # Its extended codes have the plain one in their last byte.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == _BUSY
