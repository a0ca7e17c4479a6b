"""Lets the database backends leave their connections open for the next request."""

import atexit
from typing import Any, Final

from accounts.kept_connections import KeptConnections, Opened

# As many as work at the same time, usually.
_MOST_KEPT: Final = 4

_kept: Final[KeptConnections[Any]] = KeptConnections()


def keep_connections() -> None:
    """Let connections that are closed stay open for the next, in a process that serves many."""
    _kept.most = _MOST_KEPT
    atexit.register(_kept.close)


class KeepsConnections:
    """What a ``DatabaseWrapper`` mixes in, so that one that is closed in order may stay open.

    In ``get_new_connection`` it takes what ``kept`` gives, or notes what it opened.
    """

    # Whether this connection has met any failure, also in a transaction that was rolled back.
    _has_failed = False
    _opened: Opened | None = None

    def kept(self, address: str) -> Any:
        """Give what is open to ``address`` and in use by nobody from here on, or None."""
        self._has_failed = False
        self._opened = _kept.take(address)
        return self._opened

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
        # Within a transaction Django goes on holding the connection that it has closed.
        is_spent = opened is None or self._has_failed or self.in_atomic_block  # type: ignore[attr-defined]
        if is_spent or not _kept.keep(opened):
            super()._close()  # type: ignore[misc]
