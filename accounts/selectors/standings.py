"""Sums by account that stand in memory, and are brought forward by what the ledger gained.

The ledger is only appended to, so a sum as of one entry and the entries after it give the sum
as of a later one, exactly. What a page costs then grows with what was posted since somebody
looked, not with the ledger. A rebuilt or restored ledger has another epoch, and is read anew.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from operator import add, sub
from typing import Any, Final, NamedTuple

from django.db.models import Count, F, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast

from accounts.models import TRANSACTION_KINDS, DailyTotal, Entry, Kind, Outcome
from accounts.selectors.known import KnownAt, known_at
from accounts.selectors.periods import Period
from accounts.selectors.positions import Position

# Beyond this many new entries the daily totals are read sooner than these.
_MOST_BROUGHT_FORWARD: Final = 20_000
_MOST_ACCOUNTS: Final = 200_000
# Sums of no account take room too, and a filter may name any dates, agent and moment.
_MOST_KEPT: Final = 1_000
_DEPOSIT: Final = Q(kind=Kind.DEPOSIT)
_WITHDRAWAL: Final = Q(kind=Kind.WITHDRAWAL)

Why = tuple[str, int, str]  # account, kind, reason


class Sums(NamedTuple):
    """Transactions of one account, or of many: how many of each kind, and how much."""

    deposits: int = 0
    deposits_minor: int = 0
    withdrawals: int = 0
    withdrawals_minor: int = 0

    @property
    def number(self) -> int:
        """Deposits and withdrawals together."""
        return self.deposits + self.withdrawals

    @property
    def amounts_minor(self) -> int:
        """What was paid in and what was paid out, added."""
        return self.deposits_minor + self.withdrawals_minor

    def plus(self, other: "Sums") -> "Sums":
        """Add other transactions."""
        return Sums(*map(add, self, other))

    def minus(self, other: "Sums") -> "Sums":
        """Take other transactions away."""
        return Sums(*map(sub, self, other))

    def of_kinds(self, kinds: Collection[int]) -> "Sums":
        """Leave out the kinds that are not named."""
        deposits = self[:2] if Kind.DEPOSIT in kinds else (0, 0)
        withdrawals = self[2:] if Kind.WITHDRAWAL in kinds else (0, 0)
        return Sums(*deposits, *withdrawals)


_NONE: Final = Sums()


def total(each: Iterable[Sums]) -> Sums:
    """Add up sums."""
    columns = list(zip(*each, strict=True))
    return Sums(*map(sum, columns)) if columns else Sums()


@dataclass(frozen=True, slots=True)
class Standing:
    """Sums by account over all branches, and together; of rejected ones also how many and why."""

    sums: Mapping[str, Sums] = field(default_factory=dict)
    whole: Sums = _NONE
    reasons: Mapping[Why, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summed:
    """Which transactions are summed: dates, outcome, and who submitted them (empty: anybody)."""

    first: date | None
    last: date | None
    outcome: Outcome = Outcome.POSTED
    agent: str = ""
    # Only what the log had taken by then, in milliseconds; None for all.
    as_of: int | None = None

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
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    position: Position | None = None
    standing: Standing = Standing()


class Standings:
    """The sums that were asked for last, bounded in memory. For any thread."""

    def __init__(self, most_accounts: int = _MOST_ACCOUNTS, most_kept: int = _MOST_KEPT) -> None:
        self._most_accounts = most_accounts
        self._most_kept = most_kept
        self._lock = threading.Lock()
        self._kept: OrderedDict[Summed, _Kept] = OrderedDict()

    def at(self, summed: Summed, position: Position) -> Standing:
        """Give the sums as of ``position``, the ledger's end in the caller's ``snapshot``."""
        with self._lock:
            kept = self._kept.setdefault(summed, _Kept())
            self._kept.move_to_end(summed)
        with kept.lock:
            if _is_later(kept.position, position):
                # An older snapshot, read while a newer one was faster.
                return _read(summed, position)
            kept.standing = _brought_to(position, summed, kept)
            kept.position = position
            standing = kept.standing
        self._forget_the_oldest()
        return standing

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def _forget_the_oldest(self) -> None:
        with self._lock:
            while len(self._kept) > 1 and self._is_too_much():
                self._kept.popitem(last=False)

    def _is_too_much(self) -> bool:
        accounts = sum(len(each.standing.sums) for each in self._kept.values())
        return len(self._kept) > self._most_kept or accounts > self._most_accounts


standings: Final = Standings()


def _is_later(known: Position | None, position: Position) -> bool:
    return (
        known is not None and known.epoch == position.epoch and known.entry_id > position.entry_id
    )


def _brought_to(position: Position, summed: Summed, kept: _Kept) -> Standing:
    known = kept.position
    if known == position:
        return kept.standing
    if known is None or known.epoch != position.epoch:
        return _read(summed, position)
    gained = position.entry_id - known.entry_id
    if summed.is_of_totals and gained > _MOST_BROUGHT_FORWARD:
        return _read(summed, position)
    new = summed.entries().filter(id__gt=known.entry_id, id__lte=position.entry_id)
    if summed.as_of is not None:
        # The log had it, and the ledger had not got so far.
        new = new.filter(logged_at_ms__lte=summed.as_of)
    return _added(kept.standing, _of_entries(new, summed))


def _read(summed: Summed, position: Position) -> Standing:
    if summed.as_of is not None:
        return _read_as_of(summed, position, known_at(summed.as_of))
    if not summed.is_of_totals:
        return _of_entries(summed.entries(), summed)
    dated = Period(summed.first, summed.last).lookups("business_date")
    deposits, withdrawals = (Sum("count", filter=each) for each in (_DEPOSIT, _WITHDRAWAL))
    # By account alone, whose index then gives the groups one after the other.
    sums = _by_account(DailyTotal.objects.filter(**dated), F("account"), deposits, withdrawals)
    return Standing(sums, total(sums.values()))


def _read_as_of(summed: Summed, position: Position, known: KnownAt) -> Standing:
    """Read what was known at a moment: all, less what came later, where that are fewer rows."""
    entries = summed.entries()
    if summed.is_of_totals and position.entry_id - known.sure < known.sure:
        later = entries.filter(id__gt=known.sure).exclude(known.condition)
        whole = standings.at(replace(summed, as_of=None), position)
        return _less(whole, _of_entries(later, summed))
    return _of_entries(entries.filter(known.condition), summed)


def _less(whole: Standing, later: Standing) -> Standing:
    sums = dict(whole.sums)
    for account, each in later.sums.items():
        left = sums[account].minus(each)
        if left.number:
            sums[account] = left
        else:
            del sums[account]
    return Standing(sums, whole.whole.minus(later.whole))


def _of_entries(entries: QuerySet[Entry], summed: Summed) -> Standing:
    # Hidden from SQLite, which would go through all of the ledger along the account's index: so
    # it reads the entries as they lie, and puts what passes into groups. Ten times as fast.
    account = Cast("account", TextField())
    deposits, withdrawals = (Count("id", filter=each) for each in (_DEPOSIT, _WITHDRAWAL))
    sums = _by_account(entries, account, deposits, withdrawals)
    reasons: dict[Why, int] = {}
    # A reason beside a posted entry is a remark.
    if summed.outcome == Outcome.REJECTED and sums:
        rows = entries.values_list(account, "kind", "reason").annotate(Count("id")).order_by()
        reasons = {(account, kind, reason): number for account, kind, reason, number in rows}
    return Standing(sums, total(sums.values()), reasons)


def _by_account(
    rows: QuerySet[Any], account: Any, deposits: Any, withdrawals: Any
) -> dict[str, Sums]:
    by_account = rows.order_by().values_list(account)
    found = by_account.annotate(
        deposits=deposits,
        deposits_minor=Sum("amount_minor", filter=_DEPOSIT),
        withdrawals=withdrawals,
        withdrawals_minor=Sum("amount_minor", filter=_WITHDRAWAL),
    )
    return {account: Sums(*(each or 0 for each in sums)) for account, *sums in found}


def _added(standing: Standing, gained: Standing) -> Standing:
    if not gained.sums:
        return standing
    # Whoever reads the old ones goes on with them.
    sums, reasons = dict(standing.sums), dict(standing.reasons)
    for account, each in gained.sums.items():
        sums[account] = sums.get(account, Sums()).plus(each)
    for why, number in gained.reasons.items():
        reasons[why] = reasons.get(why, 0) + number
    return Standing(sums, standing.whole.plus(gained.whole), reasons)
