"""How far the ledger was when verification began: what is posted meanwhile is left alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Max

from accounts.models import DeadLetter, Entry, Log, LogPosition
from accounts.selectors.snapshot import snapshot

_ROWS = 500
# A dead letter may hold a megabyte.
_DEAD_ROWS = 20


@dataclass(frozen=True)
class Noted:
    """The logs, their positions, and the last rows of one moment."""

    logs: list[Log]
    positions: list[LogPosition]
    last_entry: int
    last_dead_letter: int

    @property
    def row_count(self) -> int:
        """The number of entries, by the counters."""
        return sum(each.posted + each.rejected for each in self.positions)

    def entries(self) -> Iterator[list[Entry]]:
        """Give the entries of then in the ledger's order, part by part."""
        until_then = Entry.objects.filter(pk__lte=self.last_entry).order_by("pk")
        rows = list(until_then[:_ROWS])
        while rows:
            yield rows
            rows = list(until_then.filter(pk__gt=rows[-1].pk)[:_ROWS])


def note_positions() -> Noted:
    """Note how far the ledger is, as of one moment."""
    with snapshot():
        return Noted(
            logs=list(Log.objects.order_by("pk")),
            positions=list(LogPosition.objects.order_by("log_id", "partition")),
            last_entry=Entry.objects.aggregate(last=Max("pk"))["last"] or 0,
            last_dead_letter=DeadLetter.objects.aggregate(last=Max("pk"))["last"] or 0,
        )


class DeadLetterRows:
    """The dead letters of one partition, in the order of their offsets."""

    def __init__(self, position: LogPosition, last: int) -> None:
        self._rows = DeadLetter.objects.filter(
            log_id=position.log_id, partition=position.partition, pk__lte=last
        ).order_by("offset")
        self._ahead: list[DeadLetter] = []
        self._is_at_end = False
        self._after = -1

    def take_before(self, offset: int | None) -> Iterator[DeadLetter]:
        """Take those before ``offset``; all that are left for None."""
        while (row := self._next()) and (offset is None or row.offset < offset):
            yield self._ahead.pop(0)

    def take_at(self, offset: int) -> DeadLetter | None:
        """Take the one at ``offset``, where there is one and those before it were taken."""
        row = self._next()
        return self._ahead.pop(0) if row and row.offset == offset else None

    def _next(self) -> DeadLetter | None:
        if not self._ahead and not self._is_at_end:
            self._ahead = list(self._rows.filter(offset__gt=self._after)[:_DEAD_ROWS])
            self._is_at_end = not self._ahead
            self._after = self._ahead[-1].offset if self._ahead else self._after
        return self._ahead[0] if self._ahead else None
