"""The database backend that settings name where ``DATABASE_URL`` does."""

import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from bankportal.kept import KeepsConnections

# What stands between us and the server forgets a connection over which nothing is said; most
# wait for minutes before.
_IDLE_S: Final = 60.0
# A server's process never gives back what it has read of the catalogue.
_OLDEST_S: Final = 1_800.0


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


class DatabaseWrapper(KeepsConnections, base.DatabaseWrapper):
    """Django's own, but that a connection which is closed in order may stay open for the next."""

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
