"""The database backend that settings name where ``DATABASE_URL`` does."""

import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

import psycopg
from django.db import InternalError, OperationalError
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg.pq import TransactionStatus

from bankportal.kept import KeepsConnections

# What stands between us and the server forgets a connection over which nothing is said; most
# wait for minutes before.
_IDLE_S: Final = 60.0
# A server's process never gives back what it has read of the catalogue.
_OLDEST_S: Final = 1_800.0

# Its idle_in_transaction_session_timeout and transaction_timeout: a session that it has ended.
_STOOD_STILL: Final = {"25P03", "25P04"}
_READ_ONLY: Final = "25006"
# What a server tells of itself unasked, when a session begins and whenever it changes.
_TAKES_NO_WRITES: Final = ("in_hot_standby", "default_transaction_read_only")


@dataclass(slots=True)
class OpenedSession:
    """A session at a server."""

    raw: psycopg.Connection[Any]
    # Its password is in it.
    address: str = field(repr=False)
    process: int
    opened_at: float
    free_since: float

    @property
    def is_good(self) -> bool:
        """Whether it is open, and the server has said nothing unasked, as before it goes."""
        if self.raw.closed or time.monotonic() - self.free_since > _IDLE_S:
            return False
        said = select.poll()
        said.register(self.raw.fileno(), select.POLLIN)
        return not said.poll(0)

    def settle(self) -> bool:
        """Let go of settings, locks, cursors, and whatever else a session may have."""
        is_old = time.monotonic() - self.opened_at > _OLDEST_S
        if is_old or self.raw.info.transaction_status != TransactionStatus.IDLE:
            return False
        try:
            self.raw.autocommit = True
            self.raw.execute("DISCARD ALL")
        except psycopg.Error:
            return False
        self.free_since = time.monotonic()
        return True

    def close(self) -> None:
        """Tell the server, where it still hears."""
        with suppress(psycopg.Error):
            self.raw.close()


class _Errors(DatabaseErrorWrapper):
    """Django's own, but that some of the driver's ``InternalError`` are troubles that pass.

    A session that was ended for its long pause, and a server that takes no writes.
    """

    wrapper: base.DatabaseWrapper

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        except InternalError as internal:
            if not self._passes(getattr(error, "sqlstate", None)):
                raise
            raise OperationalError(*internal.args).with_traceback(traceback) from error

    def _passes(self, state: str | None) -> bool:
        if state != _READ_ONLY:
            return state in _STOOD_STILL
        # Else it was ours to write in a transaction that we have begun for reads.
        server = self.wrapper.connection.info
        return any(server.parameter_status(each) == "on" for each in _TAKES_NO_WRITES)


class DatabaseWrapper(KeepsConnections, base.DatabaseWrapper):
    """Django's own, but that a connection which is closed in order may stay open for the next."""

    @cached_property
    def wrap_database_errors(self) -> _Errors:
        """Give the context in which the driver's errors become Django's."""
        return _Errors(self)

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """Give a connection that is kept, or open one."""
        place = {**conn_params, "cursor_factory": None, "context": None}
        address = str(sorted(place.items(), key=lambda each: each[0]))
        if (kept := self.kept(address)) is not None:
            raw: psycopg.Connection[Any] = kept.raw
            return raw
        raw = super().get_new_connection(conn_params)
        now = time.monotonic()
        self._opened = OpenedSession(raw, address, os.getpid(), opened_at=now, free_since=now)
        return raw

    def create_cursor(self, name: str | None = None) -> Any:
        """Give a cursor. With one of the server's the connection is closed as Django closes it.

        Whoever left such a cursor open would close it later, in the midst of the next one's work.
        """
        if name:
            self._opened = None
        return super().create_cursor(name)
