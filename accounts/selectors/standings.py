"""Sums by account that stand in memory, and are brought forward by what the ledger gained.

The ledger is only appended to, so a sum as of one entry and the entries after it give the sum
as of a later one, exactly. What a page costs then grows with what was posted since somebody
looked, not with the ledger. A rebuilt or restored ledger has another epoch, and is read anew.
"""

import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from heapq import nsmallest
from itertools import starmap
from operator import add, attrgetter, sub
from typing import Any, Final, Literal, NamedTuple

from django.db.models import Count, F, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast

from accounts.models import TRANSACTION_KINDS, DailyTotal, Entry, Kind, Outcome
from accounts.selectors.known import KnownAt, known_at
from accounts.selectors.periods import Period
from accounts.selectors.positions import Position
from accounts.selectors.snapshot import once_a_snapshot

# Beyond this many new entries the daily totals are read sooner than these.
_MOST_BROUGHT_FORWARD: Final = 20_000
# Up to so many the new entries are read once for all sums of a snapshot, and beyond summed by
# the database.
_MOST_READ: Final = 1_000
# How many accounts are kept in order; who looks at more pages of them waits for the rest.
_MOST_RANKED: Final = 200
_MOST_ACCOUNTS: Final = 200_000
# Sums of no account take room too, and a filter may name any dates, agent and moment.
_MOST_KEPT: Final = 1_000
_DEPOSIT: Final = Q(kind=Kind.DEPOSIT)
_WITHDRAWAL: Final = Q(kind=Kind.WITHDRAWAL)

Why = tuple[int, str]  # kind, reason
Column = Literal["amounts_minor", "number", "deposits_minor", "withdrawals_minor"]


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
_NO_REASONS: Final[Counter[Why]] = Counter()


def total(each: Iterable[Sums]) -> Sums:
    """Add up sums."""
    columns = list(zip(*each, strict=True))
    return Sums(*map(sum, columns)) if columns else Sums()


def foremost(sums: Mapping[str, Sums], column: Column, length: int) -> list[str]:
    """Give the accounts with the most in a column of their sums; equal ones by their numbers."""
    return _in_order(sums, sums, column, length)


@dataclass(frozen=True, slots=True)
class Standing:
    """Sums by account over all branches, and together; of rejected ones also how many and why."""

    sums: Mapping[str, Sums] = field(default_factory=dict)
    whole: Sums = _NONE
    reasons: Mapping[str, Counter[Why]] = field(default_factory=dict)
    whole_reasons: Counter[Why] = field(default_factory=Counter)
    # The accounts with the most in a column, for those that were asked for.
    _ranked: dict[Column, list[str]] = field(default_factory=dict, compare=False)

    def foremost(self, column: Column, length: int) -> list[str]:
        """Give the same as the function ``foremost``, without going through all each time."""
        if length > _MOST_RANKED:
            return foremost(self.sums, column, length)
        if column not in self._ranked:
            self._ranked[column] = foremost(self.sums, column, _MOST_RANKED)
        return self._ranked[column][:length]

    def plus(self, gained: "Standing") -> "Standing":
        """Add other transactions. Whoever reads the old ones goes on with them."""
        if not gained.sums:
            return self
        sums, reasons = dict(self.sums), dict(self.reasons)
        for account, each in gained.sums.items():
            sums[account] = sums.get(account, _NONE).plus(each)
        for account, counted in gained.reasons.items():
            reasons[account] = reasons.get(account, _NO_REASONS) + counted
        # Every sum only grows, so nobody else can have come among the first.
        ranked = {
            column: _in_order({*before, *gained.sums}, sums, column, _MOST_RANKED)
            for column, before in self._ranked.items()
        }
        whole_reasons = self.whole_reasons + gained.whole_reasons
        return Standing(sums, self.whole.plus(gained.whole), reasons, whole_reasons, ranked)


def _in_order(
    accounts: Iterable[str], sums: Mapping[str, Sums], column: Column, length: int
) -> list[str]:
    of = attrgetter(column)
    return nsmallest(length, accounts, key=lambda account: (-of(sums[account]), account))


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

    def has(self, row: "_Row") -> bool:
        """Whether an entry is among them, which is a transaction."""
        return (
            (self.first is None or row.business_date >= self.first)
            and (self.last is None or row.business_date <= self.last)
            and row.outcome == self.outcome
            and (not self.agent or row.submitted_by == self.agent)
            # The log had it, and the ledger had not got so far.
            and (self.as_of is None or row.logged_at_ms <= self.as_of)
        )

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
    if gained <= _MOST_READ:
        rows = _rows(known.entry_id, position.entry_id)
        return kept.standing.plus(_of_rows(filter(summed.has, rows)))
    new = summed.entries().filter(id__gt=known.entry_id, id__lte=position.entry_id)
    if summed.as_of is not None:
        # The log had it, and the ledger had not got so far.
        new = new.filter(logged_at_ms__lte=summed.as_of)
    return kept.standing.plus(_of_entries(new, summed))


class _Row(NamedTuple):
    """What sums need of an entry."""

    account: str
    kind: int
    outcome: int
    amount_minor: int
    business_date: date
    submitted_by: str
    logged_at_ms: int
    reason: str


@once_a_snapshot
def _rows(after: int, until: int) -> list[_Row]:
    entries = Entry.objects.filter(id__gt=after, id__lte=until, kind__in=TRANSACTION_KINDS)
    return list(starmap(_Row, entries.order_by().values_list(*_Row._fields)))


def _of_rows(rows: Iterable[_Row]) -> Standing:
    sums: dict[str, Sums] = {}
    reasons: defaultdict[str, Counter[Why]] = defaultdict(Counter)
    for row in rows:
        counted = (1, row.amount_minor)
        one = Sums(*counted) if row.kind == Kind.DEPOSIT else Sums(0, 0, *counted)
        sums[row.account] = sums.get(row.account, _NONE).plus(one)
        if row.outcome == Outcome.REJECTED:
            reasons[row.account][row.kind, row.reason] += 1
    return _standing(sums, reasons)


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
    reasons: defaultdict[str, Counter[Why]] = defaultdict(Counter)
    # A reason beside a posted entry is a remark.
    if summed.outcome == Outcome.REJECTED and sums:
        rows = entries.values_list(account, "kind", "reason").annotate(Count("id")).order_by()
        for number, kind, reason, count in rows:
            reasons[number][kind, reason] = count
    return _standing(sums, reasons)


def _standing(sums: Mapping[str, Sums], reasons: Mapping[str, Counter[Why]]) -> Standing:
    whole_reasons: Counter[Why] = Counter()
    for each in reasons.values():
        whole_reasons.update(each)
    return Standing(sums, total(sums.values()), reasons, whole_reasons)


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
