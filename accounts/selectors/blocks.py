"""What is noted once of each block of entries, in place of indexes that posting would have to keep.

Entries are appended in nearly the order of their times and of their dates, and never change. So the
least and the greatest value of each full block bound where in the ledger something can lie: closely
in one that grew from day to day, and loosely, never wrongly, in one that did not.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import takewhile
from typing import Any, Final, Literal

from django.db.models import F, IntegerField, Max, Min
from django.db.models.functions import Cast

from accounts.models import Entry
from accounts.selectors.positions import Position, current_position

BLOCK: Final = 2_048

Column = Literal["logged_at_ms", "posted_at_ms", "business_date"]
# With what is less than all of its values, for as long as there is none.
_LEAST: Final[dict[Column, int | date]] = {
    "logged_at_ms": -1,
    "posted_at_ms": -1,
    "business_date": date.min,
}
_COLUMNS: Final[tuple[Column, ...]] = tuple(_LEAST)

# The least and the greatest value of a column in a block; None where the block is empty.
Range = tuple[Any, Any] | None


class _Noted:
    """The notes on one ledger's full blocks. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = ""
        self._blocks: list[dict[Column, Range]] = []
        self._greatest_so_far: dict[Column, list[Any]] = {}

    def up_to(self, position: Position) -> Sequence[dict[Column, Range]]:
        """Give the notes on each block that was full at a position."""
        full = position.entry_id // BLOCK
        with self._lock:
            self._bring_to(position.epoch, full)
            return self._blocks[:full]

    def number_below(self, column: Column, value: int | date, position: Position) -> int:
        """Count the full blocks before the first one that reaches ``value``."""
        full = position.entry_id // BLOCK
        with self._lock:
            self._bring_to(position.epoch, full)
            return bisect_left(self._greatest_so_far[column], value, 0, full)

    def _bring_to(self, epoch: str, full: int) -> None:
        if self._epoch != epoch or not self._greatest_so_far:
            self._epoch, self._blocks = epoch, []
            self._greatest_so_far = {each: [] for each in _COLUMNS}
        new = list(_read(len(self._blocks), full)) if full > len(self._blocks) else []
        self._blocks += new
        for column, greatest in self._greatest_so_far.items():
            for block in new:
                before = greatest[-1] if greatest else _LEAST[column]
                ends = block[column]
                greatest.append(max(ends[1], before) if ends else before)


_noted: Final = _Noted()


def block_of_id() -> Cast:
    """Give the number of the block that an entry is in, for a query."""
    return Cast(F("id") / BLOCK, IntegerField())


def all_below(column: Column, value: int | date) -> int:
    """Give an id such that every entry up to it has less than ``value`` in that column."""
    return _noted.number_below(column, value, current_position()) * BLOCK - 1


def bounds(column: Column, value: int | date) -> tuple[int, int]:
    """Give an id up to which every entry has ``value`` or less, and one beyond which all have more.

    Call it within a ``snapshot``: the block that is still growing is looked at too.
    """
    position = current_position()
    full = position.entry_id // BLOCK
    noted = [each[column] for each in (*_noted.up_to(position), *_read(full, full + 1))]
    first = _number(noted, lambda _least, greatest: greatest <= value)
    last = len(noted) - _number(reversed(noted), lambda least, _greatest: least > value)
    return first * BLOCK - 1, max(first, last) * BLOCK - 1


def _number(noted: Iterable[Range], holds: Callable[[Any, Any], bool]) -> int:
    """Count the blocks before the first one for which a condition does not hold.

    Of an empty one anything may be said.
    """
    return sum(1 for _each in takewhile(lambda each: each is None or holds(*each), noted))


def _read(first: int, end: int) -> Iterator[dict[Column, Range]]:
    """Read the notes on the blocks from ``first`` to before ``end``."""
    rows: Any = (
        Entry.objects.filter(id__gte=first * BLOCK, id__lt=end * BLOCK)
        .order_by()
        .values_list(block_of_id())
        .annotate(*(extreme(each) for each in _COLUMNS for extreme in (Min, Max)))
    )
    found = {number: ends for number, *ends in rows}
    for number in range(first, end):
        ends = found.get(number)
        pairs = zip(ends[::2], ends[1::2], strict=True) if ends else (None for _ in _COLUMNS)
        yield dict(zip(_COLUMNS, pairs, strict=True))
