"""Entries and dead letters of the moment that was noted: read part by part, no cursor held."""

from collections.abc import Iterator

from accounts.models import DeadLetter, Entry, LogPosition
from accounts.verification.parts import in_parts

_ROWS = 500
# A dead letter may hold a megabyte.
_DEAD_ROWS = 20


def entries_until(last_id: int) -> Iterator[list[Entry]]:
    """Give the entries up to ``last_id`` in the ledger's order, part by part."""
    return in_parts(Entry.objects.filter(pk__lte=last_id), _ROWS)


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
