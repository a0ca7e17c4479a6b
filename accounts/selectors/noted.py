"""What the live ledger is at one moment, for a comparison that takes longer than that."""

from dataclasses import dataclass

from django.db.models import Max

from accounts.models import DeadLetter, Entry, Log, LogPosition
from accounts.selectors.snapshot import snapshot

# A log's id and a partition of it.
PositionKey = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Noted:
    """The logs in the order in which they were followed, all positions, and the last ids.

    Rows are appended only, so these ids part what was there from what came later.
    """

    logs: tuple[Log, ...]
    positions: dict[PositionKey, LogPosition]
    entry_id: int
    dead_letter_id: int
    # Logs without any position: those of archives, where a rebuild from them was killed.
    logs_without_positions: tuple[Log, ...] = ()
    # False for a ledger that archives describe and the database does not hold yet.
    is_live: bool = True

    @property
    def row_count(self) -> int:
        """The number of entries, by the counters."""
        return sum(at.posted + at.rejected for at in self.positions.values())

    def next_offsets(self) -> dict[PositionKey, int]:
        """Give how far the ledger had come in each partition of each log."""
        return {key: at.next_offset for key, at in self.positions.items()}


def note() -> Noted:
    """Note how the ledger stands now, in one snapshot."""
    with snapshot():
        rows = LogPosition.objects.order_by("log_id", "partition")
        positions = {(at.log_id, at.partition): at for at in rows}
        followed = {log_id for log_id, _partition in positions}
        logs = list(Log.objects.order_by("pk"))
        return Noted(
            tuple(log for log in logs if log.pk in followed),
            positions,
            _last_id(Entry),
            _last_id(DeadLetter),
            tuple(log for log in logs if log.pk not in followed),
        )


def _last_id(model: type[Entry] | type[DeadLetter]) -> int:
    return int(model.objects.aggregate(last=Max("pk"))["last"] or 0)
