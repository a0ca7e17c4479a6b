"""How far the ledger has come, as a browser may keep it (law 4)."""

from dataclasses import dataclass
from typing import Self

from accounts.models import Entry, Log
from accounts.selectors.snapshot import once_a_snapshot


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the ledger. Outside this server only its text travels, and nobody reads it.

    The ids of entries become visible in their own order on both databases: SQLite has one
    writer, and on PostgreSQL posting holds an advisory lock. So whoever has seen an id has
    seen all below it. ``epoch`` is another one after a rebuild, where ids begin anew.
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


@once_a_snapshot
def current_epoch() -> str:
    """Name the log that the ledger is concluded from, and when its rows were put in place.

    Empty before there is a log.
    """
    logs = Log.objects.filter(is_current=True)
    log = logs.values_list("id", "adopted_at_ms", "rebuilt_at_ms").first()
    return f"{log[0]}.{log[2] or log[1]:x}" if log else ""


@once_a_snapshot
def current_position() -> Position:
    """Give the ledger's end. Call it within a ``snapshot`` for the position of other reads."""
    epoch = current_epoch()
    last = Entry.objects.order_by("-id").values_list("id", flat=True).first()
    return Position(epoch, last or 0)
