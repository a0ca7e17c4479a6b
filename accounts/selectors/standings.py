"""Sums by account that stand in memory, and are brought forward by what the ledger gained.

The ledger is only appended to, so a sum as of one entry and the entries after it give the sum
as of a later one, exactly. What a page costs then grows with what was posted since somebody
looked, not with the ledger. A rebuilt or restored ledger has another epoch, and is read anew.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db.models import Count, QuerySet, Sum

from accounts.models import TRANSACTION_KINDS, DailyTotal, Entry, Outcome
from accounts.selectors.periods import Period
from accounts.selectors.positions import Position

# Beyond this many new entries the daily totals are read sooner than these.
_MOST_BROUGHT_FORWARD: Final = 20_000
_MOST_CELLS: Final = 400_000

Cell = tuple[str, int, str]  # account, kind, reason (of rejected ones)
Cells = Mapping[Cell, tuple[int, int]]  # number, amount in minor units


@dataclass(frozen=True, slots=True)
class Summed:
    """Which transactions are summed: dates, outcome, and who submitted them (empty: anybody)."""

    first: date | None
    last: date | None
    outcome: Outcome = Outcome.POSTED
    agent: str = ""

    def entries(self) -> QuerySet[Entry]:
        """Give the entries themselves, of every branch."""
        dated = Period(self.first, self.last).lookups("business_date")
        whole = Entry.objects.filter(kind__in=TRANSACTION_KINDS, outcome=self.outcome, **dated)
        return whole.filter(submitted_by=self.agent) if self.agent else whole

    @property
    def is_of_totals(self) -> bool:
        """Whether the daily totals tell the same."""
        return self.outcome == Outcome.POSTED and not self.agent


@dataclass(slots=True)
class _Standing:
    lock: threading.Lock = field(default_factory=threading.Lock)
    position: Position | None = None
    cells: Cells = field(default_factory=dict)


class Standings:
    """The sums that were asked for last, bounded in memory. For any thread."""

    def __init__(self, most_cells: int = _MOST_CELLS) -> None:
        self._most_cells = most_cells
        self._lock = threading.Lock()
        self._kept: OrderedDict[Summed, _Standing] = OrderedDict()

    def cells(self, summed: Summed, position: Position) -> Cells:
        """Give number and amount by account, kind and reason, over all branches.

        ``position`` is the ledger's end in the caller's ``snapshot``. Not to be changed.
        """
        with self._lock:
            standing = self._kept.setdefault(summed, _Standing())
            self._kept.move_to_end(summed)
        with standing.lock:
            if _is_later(standing.position, position):
                # An older snapshot, read while a newer one was faster.
                return _read(summed)
            standing.cells = _cells_at(summed, standing, position)
            standing.position = position
            cells = standing.cells
        self._forget_the_oldest()
        return cells

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def _forget_the_oldest(self) -> None:
        with self._lock:
            while len(self._kept) > 1 and self._size() > self._most_cells:
                self._kept.popitem(last=False)

    def _size(self) -> int:
        return sum(len(each.cells) for each in self._kept.values())


standings: Final = Standings()


def _is_later(known: Position | None, position: Position) -> bool:
    return (
        known is not None and known.epoch == position.epoch and known.entry_id > position.entry_id
    )


def _cells_at(summed: Summed, standing: _Standing, position: Position) -> Cells:
    known = standing.position
    if known == position:
        return standing.cells
    if known is None or known.epoch != position.epoch:
        return _read(summed)
    gained = position.entry_id - known.entry_id
    if summed.is_of_totals and gained > _MOST_BROUGHT_FORWARD:
        return _read(summed)
    new = summed.entries().filter(id__gt=known.entry_id, id__lte=position.entry_id)
    return _added(standing.cells, _grouped(new, summed))


def _read(summed: Summed) -> Cells:
    if not summed.is_of_totals:
        return dict(_grouped(summed.entries(), summed))
    dated = Period(summed.first, summed.last).lookups("business_date")
    totals = DailyTotal.objects.filter(**dated).values_list("account", "kind")
    rows = totals.annotate(number=Sum("count"), minor=Sum("amount_minor")).order_by()
    return {(account, kind, ""): (number, minor) for account, kind, number, minor in rows}


def _grouped(entries: QuerySet[Entry], summed: Summed) -> Iterable[tuple[Cell, tuple[int, int]]]:
    # A reason beside a posted entry is a remark, and parts nothing.
    by_reason = summed.outcome == Outcome.REJECTED
    columns = ("account", "kind", "reason") if by_reason else ("account", "kind")
    rows: Any = entries.values_list(*columns).annotate(Count("id"), Sum("amount_minor")).order_by()
    for *cell, number, minor in rows:
        account, kind, reason = cell if by_reason else (*cell, "")
        yield (account, kind, reason), (number, minor)


def _added(cells: Cells, gained: Iterable[tuple[Cell, tuple[int, int]]]) -> Cells:
    new = list(gained)
    if not new:
        return cells
    # Whoever reads the old ones goes on with them.
    sums = dict(cells)
    for cell, (number, minor) in new:
        had = sums.get(cell, (0, 0))
        sums[cell] = (had[0] + number, had[1] + minor)
    return sums
