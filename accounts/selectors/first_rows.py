"""The first rows of a list in its order, found without reading all that pass its filter.

No index gives an account's entries by date, or all entries by amount or balance: each would be
paid for by every posting. What is left out here cannot be among the first rows, so the list is
the same; where that cannot be told, nothing is left out.
"""

import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Final, Literal

from django.db.models import F, QuerySet

from accounts.models import Entry
from accounts.selectors.blocks import all_below
from accounts.selectors.filters import Filter
from accounts.selectors.orders import NEWEST_FIRST, Order, in_order
from accounts.selectors.periods import Period
from accounts.selectors.positions import Position, current_position

_MOST_RANKED: Final = 5_000
# How many of the ranked entries are tried first, and then; SQLite takes no more than so many.
_TRIED: Final = (200, 900)

Column = Literal["amount_minor", "balance_minor"]
# The value, below zero where the greatest comes first; the id below zero; the business date.
Rank = tuple[int, int, date]


def first_rows(
    entries: QuerySet[Entry], wanted: Filter, order: Order, length: int, mark: Entry | None = None
) -> QuerySet[Entry]:
    """Give ``entries`` in order, without some that cannot be among the first ``length``.

    ``wanted`` is the filter that they pass; with a ``mark`` they are those after it.
    """
    if order == NEWEST_FIRST and wanted.is_of_one_account:
        entries = _newest(entries, length)
    elif ranking := _RANKINGS.get(order):
        ids = ranking.ids_after(mark, wanted.period, current_position())
        entries = _foremost(entries, ids, length)
    return in_order(entries, order)


def _newest(entries: QuerySet[Entry], length: int) -> QuerySet[Entry]:
    """Leave out what lies before anything of the dates that the last ``length`` ids reach back to.

    So many are of these dates, and whatever has an earlier one comes after them.
    """
    dates = list(entries.order_by("-id").values_list("business_date", flat=True)[:length])
    if not dates:
        return entries
    return entries.filter(id__gt=all_below("business_date", min(dates)))


class _Ranking:
    """The first entries of the whole ledger by a column, brought forward. For any thread.

    Entries never change, so all that is not among them comes after them, whoever looks.
    """

    def __init__(self, column: Column, sign: Literal[1, -1]) -> None:
        self._column = column
        self._sign = sign
        self._lock = threading.Lock()
        self._position = Position("", 0)
        self._ranks: list[Rank] = []

    def ids_after(self, mark: Entry | None, period: Period, position: Position) -> Iterator[int]:
        """Give the ids of the first of a period as of a position, or after a mark, in order."""
        with self._lock:
            if position.epoch != self._position.epoch:
                self._position, self._ranks = Position(position.epoch, 0), []
            if position.entry_id > self._position.entry_id:
                self._ranks = self._brought_to(position)
                self._position = position
            ranks = self._ranks
        first, last = period.first or date.min, period.last or date.max
        following = islice(ranks, self._number_before(mark, ranks), None)
        return (-minus_id for _value, minus_id, day in following if first <= day <= last)

    def _number_before(self, mark: Entry | None, ranks: Sequence[Rank]) -> int:
        if mark is None:
            return 0
        value = getattr(mark, self._column)
        # Where there is no balance, it comes last, after all that are ranked.
        return len(ranks) if value is None else bisect_right(ranks, self._rank(value, mark.pk))

    def _rank(self, value: int, entry_id: int, day: date = date.max) -> Rank:
        return self._sign * value, -entry_id, day

    def _brought_to(self, position: Position) -> list[Rank]:
        new = Entry.objects.filter(
            id__gt=self._position.entry_id,
            id__lte=position.entry_id,
            **{f"{self._column}__isnull": False},
        )
        if len(self._ranks) == _MOST_RANKED:
            last = self._sign * self._ranks[-1][0]
            beyond = "gte" if self._sign < 0 else "lte"
            new = new.filter(**{f"{self._column}__{beyond}": last})
        by_value = F(self._column).desc() if self._sign < 0 else F(self._column).asc()
        rows = new.order_by(by_value, "-id").values_list(self._column, "id", "business_date")
        ranks = [self._rank(*row) for row in rows[:_MOST_RANKED]]
        return sorted([*self._ranks, *ranks])[:_MOST_RANKED] if ranks else self._ranks


_RANKINGS: Final[Mapping[Order, _Ranking]] = {
    "amount": _Ranking("amount_minor", 1),
    "-amount": _Ranking("amount_minor", -1),
    "balance": _Ranking("balance_minor", 1),
    "-balance": _Ranking("balance_minor", -1),
}


def _foremost(entries: QuerySet[Entry], ids: Iterator[int], length: int) -> QuerySet[Entry]:
    tried: list[int] = []
    for number in _TRIED:
        tried += islice(ids, number - len(tried))
        among = entries.filter(id__in=tried)
        if len(tried) >= length and among.count() >= length:
            return among
    return entries
