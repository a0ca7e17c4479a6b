"""Waiting for a database that is full, locked or away."""

import logging

from django.db import Error as DatabaseError
from django.db import connection

from accounts.database_troubles import said_plainly
from streaming.metrics import DATABASE_AWAY
from streaming.stopping import StopRequest

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0


class DatabaseAway:
    """Paces the attempts of one loop: says once that it waits, and once that it goes on.

    Whoever catches ``CANNOT_SERVE`` calls ``wait`` and does the same again, which nothing of
    the failed attempt is in the way of; ``is_back`` after each attempt that succeeded.
    """

    def __init__(self, stop: StopRequest) -> None:
        self._stop = stop
        self._wait_s = _FIRST_WAIT_S
        self._is_waiting = False

    def wait(self, reason: DatabaseError) -> None:
        """Let go of the connection and wait, each time a little longer, or until asked to stop."""
        if not self._is_waiting:
            log.warning("Waiting for the database. %s", said_plainly(reason))
        self._is_waiting = True
        DATABASE_AWAY.set(1)
        connection.close()
        self._stop.wait(self._wait_s)
        self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)

    def is_back(self) -> None:
        """Note that the database serves."""
        if self._is_waiting:
            log.info("The database serves again; going on.")
        # Whichever loop of this process has waited.
        DATABASE_AWAY.set(0)
        self._is_waiting, self._wait_s = False, _FIRST_WAIT_S
