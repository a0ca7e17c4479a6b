"""How far the ledger has come, as a browser may keep it (law 4)."""

from dataclasses import dataclass
from typing import Self

from django.db import connection

from accounts.selectors.snapshot import once_a_snapshot

_POSITION = """
    SELECT (SELECT MAX(id) FROM accounts_entry), log.id, log.adopted_at_ms, log.rebuilt_at_ms, {}
    FROM (SELECT 1) AS one LEFT JOIN accounts_log AS log ON log.is_current
"""
# A standby that takes over, and a recovery to a point in time, begin another one: either may lack
# entries that were read, and give their ids to others.
_TIMELINE = {"postgresql": "left(pg_walfile_name(pg_current_wal_lsn()), 8)", "sqlite": "''"}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the ledger. Outside this server only its text travels, and nobody reads it.

    The ids of entries become visible in their own order on both databases: SQLite has one
    writer, and on PostgreSQL posting holds an advisory lock. So whoever has seen an id has
    seen all below it. ``epoch`` is another one after a rebuild, where ids begin anew,
    and after a failover or a recovery of PostgreSQL.
    """

    epoch: str
    entry_id: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.entry_id}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what ``str`` wrote; give None for anything else."""
        epoch, colon, entry_id = text.rpartition(":")
        if not colon or not entry_id.isascii() or not entry_id.isdigit() or len(entry_id) > 18:
            return None
        return cls(epoch, int(entry_id))


def current_epoch() -> str:
    """Name the log that the ledger is concluded from, and when and where its rows came in place.

    Empty before there is a log.
    """
    return current_position().epoch


@once_a_snapshot
def current_position() -> Position:
    """Give the ledger's end. Call it within a ``snapshot`` for the position of other reads."""
    # Asked after each commit, while somebody looks: Django takes ten times as long to ask twice.
    with connection.cursor() as cursor:
        cursor.execute(_POSITION.format(_TIMELINE[connection.vendor]))
        last, *log = cursor.fetchone()
    return Position(_epoch(*log), last or 0)


def _epoch(log_id: int | None, adopted_at_ms: int, rebuilt_at_ms: int | None, timeline: str) -> str:
    if log_id is None:
        return ""
    return f"{log_id}.{rebuilt_at_ms or adopted_at_ms:x}{timeline and f'.{int(timeline, 16)}'}"
