"""How often an agent may do a thing in a minute, counted over all web processes together.

The counts are kept beside the ledger, never in its way: on SQLite in a file of their own, since
there a count would queue behind whatever is being posted. Losing them loses nothing.
"""

import logging
import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.transaction import atomic

from accounts.kept_connections import KeptConnections, OpenedFile

log = logging.getLogger(__name__)

_kept: Final[KeptConnections[OpenedFile]] = KeptConnections(most=1)

_MINUTE_MS: Final = 60_000
# A page would rather go uncounted than wait.
_PATIENCE_S: Final = 0.25

# Generic cell rate: each use moves the moment when all is free again further by one share of the
# minute, and none may move it more than a minute away. No row comes back for a use too many. A
# moment further away than that is of a clock that was put back since.
_TAKE: Final = """
INSERT INTO accounts_allowance (agent_id, act, free_at_ms) VALUES ({agent}, {act}, {now} + {share})
ON CONFLICT (agent_id, act) DO UPDATE SET free_at_ms = {share} + CASE
    WHEN accounts_allowance.free_at_ms BETWEEN {now} AND {now} + {minute}
    THEN accounts_allowance.free_at_ms ELSE {now} END
WHERE accounts_allowance.free_at_ms NOT BETWEEN {now} + {minute} - {share} + 1 AND {now} + {minute}
RETURNING free_at_ms
"""
_FREE_AT: Final = """
SELECT free_at_ms FROM accounts_allowance WHERE agent_id = {agent} AND act = {act}
"""
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS accounts_allowance (
    agent_id INTEGER NOT NULL, act TEXT NOT NULL, free_at_ms INTEGER NOT NULL,
    PRIMARY KEY (agent_id, act)
) WITHOUT ROWID
"""


class Limited(StrEnum):
    """What is counted. The limits are settings."""

    SEARCH = "search"
    SUBMISSION = "submission"
    EXPORT = "export"
    FIGURES = "figures"
    CHANGE = "change"


def most_a_minute(act: Limited) -> int:
    """Give how often an agent may do ``act`` in a minute."""
    limits: dict[str, int] = settings.MOST_A_MINUTE
    return limits[act]


def seconds_to_wait(agent_id: int, act: Limited) -> int:
    """Count one more ``act`` of the agent; give 0, or uncounted the seconds until one is due.

    At once a minute's share may be used, then as much as a minute brings. Where it cannot be
    counted, for a full disk say, nothing is refused: work goes on, and the log says so.
    """
    now = time.time_ns() // 1_000_000
    share = _MINUTE_MS // most_a_minute(act)
    given = {"agent": agent_id, "act": act.value, "now": now, "share": share, "minute": _MINUTE_MS}
    try:
        with _counts() as ask:
            if ask(_TAKE, given) is not None:
                return 0
            free_at = ask(_FREE_AT, given)
    except (DatabaseError, sqlite3.Error) as reason:
        log.warning("Uncounted, and let through: %s (%s)", act, reason)
        return 0
    left_ms = (now if free_at is None else free_at) + share - _MINUTE_MS - now
    return max(1, math.ceil(left_ms / 1000))


@contextmanager
def _counts() -> Iterator[Any]:
    if connection.vendor == "sqlite":
        with _own_file() as counts:
            yield lambda sql, given: _first(counts.execute(_named(sql, ":{}"), given))
        return
    # By itself, so that a failure spoils no transaction around it.
    with atomic(), connection.cursor() as cursor:

        def ask(sql: str, given: dict[str, Any]) -> int | None:
            cursor.execute(_named(sql, "%({})s"), given)
            return _first(cursor)

        yield ask


@contextmanager
def _own_file() -> Iterator[sqlite3.Connection]:
    path = str(settings.LIMITS_FILE)
    opened = _kept.take(path) or OpenedFile.to(path, _newly_opened(path))
    is_to_be_kept = False
    try:
        yield opened.raw
        is_to_be_kept = _kept.keep(opened)
    finally:
        if not is_to_be_kept:
            opened.raw.close()


def _newly_opened(path: str) -> sqlite3.Connection:
    counts = sqlite3.connect(
        path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
    )
    try:
        counts.execute("PRAGMA synchronous=OFF")
        counts.execute(_TABLE)
    except sqlite3.Error:
        counts.close()
        raise
    return counts


def _first(found: Any) -> int | None:
    row = found.fetchone()
    return None if row is None else row[0]


def _named(sql: str, form: str) -> str:
    names = ("agent", "act", "now", "share", "minute")
    return sql.format(**{name: form.format(name) for name in names})
