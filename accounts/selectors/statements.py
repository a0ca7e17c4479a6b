"""Statements: what moved on an account over a span of business dates, and its balances.

Ordered and summed by business date, and within a date by ledger order. A rejected transaction
moved nothing and is on no statement. The balance of the account's opening is what every statement
begins from, whatever its date: history may have rows of days before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import groupby
from typing import Final, Self
from uuid import UUID

from django.db import connection
from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.database_troubles import streamed
from accounts.models import TRANSACTION_KINDS, Account, Agent, DailyTotal, Entry, Kind, Outcome
from accounts.selectors.accounts import account_seen_by
from accounts.selectors.exports import account_entries_by_date
from accounts.selectors.months import last_month
from accounts.selectors.outcomes import last_entry_id
from accounts.selectors.periods import Period
from accounts.selectors.snapshot import snapshot
from accounts.selectors.transactions import opening_date

PAGE_LENGTH: Final = 100
# Up to here an account's rows are read and sorted in a few milliseconds; beyond, its share of
# the bank's rows of a day is large enough to read along the days instead.
_BUSY_FROM: Final = 20_000


class NotOpenYet(Exception):
    """The ledger has not concluded the account's opening, so nothing can be stated of it."""


class NotTheSameRows(Exception):
    """The rows do not add up to the statement: the ledger was replaced while they were read."""


@dataclass(frozen=True, slots=True)
class Day:
    """What was posted to the account on one business date."""

    on: date
    paid_in_minor: int
    paid_out_minor: int
    count: int

    @property
    def moved_minor(self) -> int:
        return self.paid_in_minor - self.paid_out_minor


@dataclass(frozen=True, slots=True)
class Line:
    """One posted transaction, and the balance after it in the order of the statement."""

    transaction_id: UUID
    business_date: date
    kind: int
    signed_amount_minor: int
    balance_minor: int
    reference: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """An account over the business dates ``first`` to ``last``; amounts in minor units.

    ``known_until`` is the newest entry at that moment: the statement has none that came later.
    """

    account: Account
    period: Period
    first: date
    last: date
    opening_minor: int
    days: Sequence[Day] = field(repr=False)
    known_until: int

    @cached_property
    def paid_in_minor(self) -> int:
        """The sum of all deposits."""
        return sum(day.paid_in_minor for day in self.days)

    @cached_property
    def paid_out_minor(self) -> int:
        """The sum of all withdrawals, above zero."""
        return sum(day.paid_out_minor for day in self.days)

    @cached_property
    def count(self) -> int:
        """How many transactions are on it."""
        return sum(day.count for day in self.days)

    @property
    def closing_minor(self) -> int:
        """The balance at the end of ``last``."""
        return self.opening_minor + self.paid_in_minor - self.paid_out_minor

    @property
    def is_busy(self) -> bool:
        """Whether the account has so many rows that none of its reads may go through them all."""
        return bool(self.account.balance.posted_count > _BUSY_FROM)


@dataclass(frozen=True)
class Part:
    """Some lines of a statement, with the balance before them.

    ``after`` leads to the next ones; None after the last. ``count_before`` are the lines before.
    """

    lines: Sequence[Line]
    before_minor: int
    count_before: int
    after: UUID | None

    @property
    def first_number(self) -> int:
        """The place of its first line in the statement, from 1."""
        return self.count_before + 1

    @property
    def last_number(self) -> int:
        """The place of its last line."""
        return self.count_before + len(self.lines)

    @property
    def balance_minor(self) -> int:
        """The balance after its last line."""
        return self.lines[-1].balance_minor if self.lines else self.before_minor


@dataclass(frozen=True)
class _Mark:
    """Where a part begins: after a row of the ledger, with what came before it."""

    on: date
    entry_id: int
    balance_minor: int
    count: int
    count_on_day: int

    @classmethod
    def at_beginning_of(cls, statement: Statement) -> Self:
        return cls(statement.first, 0, statement.opening_minor, 0, 0)


def statement_of(agent: Agent, number: str, period: Period | None) -> Statement:
    """Give the statement of an account; of the usual period where none is asked for.

    Raises ``NoSuchAccount`` beyond the agent's scope, and ``NotOpenYet``.
    """
    with snapshot():
        return _statement(agent, number, period)


def statement_part(
    agent: Agent, number: str, period: Period | None, *, after: UUID | None = None
) -> tuple[Statement, Part]:
    """Give a statement with its first lines, or those after a transaction, as of one moment.

    Takes the time of a page however long the statement is. A transaction that is not on the
    statement gives the first lines. Raises what ``statement_of`` raises.
    """
    with snapshot():
        statement = _statement(agent, number, period)
        return statement, _part(statement, after)


def whole_statement(
    agent: Agent, number: str, period: Period | None
) -> tuple[Statement, list[Line]]:
    """Give a statement with all its lines, in memory. Raises what ``statement_of`` raises."""
    with snapshot():
        statement = _statement(agent, number, period)
        return statement, [line for part in lines_of(statement) for line in part]


def lines_of(statement: Statement) -> Iterator[list[Line]]:
    """Give all lines of a statement, some at a time; each part is a short read of its own.

    Entries are never changed, so that all of them together are as of the statement's moment.
    Raises ``NotTheSameRows`` at the end where they do not come to its closing balance.
    """
    balance_minor, count = statement.opening_minor, 0
    known = _entries(statement.account.number, statement.period).filter(
        id__lte=statement.known_until
    )
    for entries in account_entries_by_date(known):
        lines = _lines(entries, balance_minor)
        balance_minor, count = lines[-1].balance_minor, count + len(lines)
        yield lines
    if (balance_minor, count) != (statement.closing_minor, statement.count):
        # Without the number, since it ends up in the log.
        raise NotTheSameRows("The rows do not come to the closing balance.")


def usual_period(days: Sequence[Day], *, today: date) -> Period:
    """Give the last full month where the account has transactions in it, else all of time."""
    month = last_month(today)
    return month if _within(days, month) else Period()


def _statement(agent: Agent, number: str, period: Period | None) -> Statement:
    account = account_seen_by(agent, number)
    if not account.is_open:
        raise NotOpenYet(account.number)
    today = timezone.localdate()
    all_days = _days(account.number)
    period = period or usual_period(all_days, today=today)
    days = _within(all_days, period)
    since = _within(all_days, Period(period.first, None))
    first, last = _ends(agent, account.number, period, days, today)
    return Statement(
        account=account,
        period=period,
        first=first,
        last=last,
        opening_minor=int(account.balance.balance_minor) - sum(day.moved_minor for day in since),
        days=days,
        known_until=last_entry_id(),
    )


def _ends(
    agent: Agent, number: str, period: Period, days: Sequence[Day], today: date
) -> tuple[date, date]:
    """Give the days that the statement names, where the period is open to a side."""
    opened_on = opening_date(agent, number) or today
    first = period.first or min([opened_on, *(day.on for day in days[:1])])
    last = period.last or max([today, first, *(day.on for day in days[-1:])])
    return min(first, last), last


def _days(number: str) -> list[Day]:
    rows = (
        DailyTotal.objects.filter(account=number)
        .order_by("business_date")
        .values_list("business_date", "kind", "amount_minor", "count")
    )
    return [_day(on, list(of_day)) for on, of_day in groupby(rows, key=lambda row: row[0])]


def _day(on: date, rows: Iterable[tuple[date, int, int, int]]) -> Day:
    paid_in_minor = paid_out_minor = total = 0
    for _on, kind, amount_minor, count in rows:
        total += count
        if kind == Kind.WITHDRAWAL:
            paid_out_minor += amount_minor
        else:
            paid_in_minor += amount_minor
    return Day(on, paid_in_minor, paid_out_minor, total)


def _within(days: Sequence[Day], period: Period) -> list[Day]:
    first, last = period.first or date.min, period.last or date.max
    return [day for day in days if first <= day.on <= last]


def _entries(number: str, period: Period, *, along_days: bool = False) -> QuerySet[Entry]:
    """Give the lines' entries of an account that the agent may see.

    SQLite reads along one index. Left alone it takes the account's, through all of its rows;
    ``along_days`` hides the account from it, so that it reads the days asked for in their order.
    """
    entries = Entry.objects.filter(outcome=Outcome.POSTED, kind__in=TRANSACTION_KINDS)
    if along_days and connection.vendor == "sqlite":
        hidden = Cast("account_id", CharField(max_length=34))
        entries = entries.alias(own_account=hidden).filter(own_account=number)
    else:
        entries = entries.filter(account_id=number)
    return entries.filter(**period.lookups("business_date"))


def _part(statement: Statement, after: UUID | None) -> Part:
    mark = _mark(statement, after) or _Mark.at_beginning_of(statement)
    end = _end_of_part(statement.days, mark)
    rest = _entries_of(statement, Period(mark.on, end))
    rest = rest.exclude(business_date=mark.on, id__lte=mark.entry_id)
    found = list(rest.order_by("business_date", "id")[: PAGE_LENGTH + 1])
    lines = _lines(found[:PAGE_LENGTH], mark.balance_minor)
    following = lines[-1].transaction_id if len(found) > PAGE_LENGTH else None
    return Part(lines, mark.balance_minor, mark.count, following)


def _entries_of(statement: Statement, span: Period) -> QuerySet[Entry]:
    return _entries(statement.account.number, span, along_days=statement.is_busy)


def _mark(statement: Statement, after: UUID | None) -> _Mark | None:
    """Find the transaction in the statement, and add up what stands before it."""
    if after is None:
        return None
    wanted = _entries(statement.account.number, statement.period).filter(transaction_id=after)
    entry = wanted.first()
    if entry is None:
        return None
    on: date = entry.business_date
    earlier = [day for day in statement.days if day.on < on]
    same_day = _entries_of(statement, Period(on, on)).filter(id__lte=entry.pk)
    moves = [
        -amount_minor if kind == Kind.WITHDRAWAL else amount_minor
        for kind, amount_minor in streamed(same_day.values_list("kind", "amount_minor"))
    ]
    moved_minor = sum(day.moved_minor for day in earlier) + sum(moves)
    count = sum(day.count for day in earlier) + len(moves)
    return _Mark(on, entry.pk, statement.opening_minor + moved_minor, count, len(moves))


def _end_of_part(days: Sequence[Day], mark: _Mark) -> date:
    """Give the day with the last line of a part that begins at the mark, and of one line more."""
    end, left = mark.on, PAGE_LENGTH + 1 + mark.count_on_day
    for day in days:
        if day.on >= mark.on and left > 0:
            end, left = day.on, left - day.count
    return end


def _lines(entries: Iterable[Entry], balance_minor: int) -> list[Line]:
    lines = []
    for entry in entries:
        balance_minor += entry.signed_amount_minor
        lines.append(
            Line(
                entry.transaction_id,
                entry.business_date,
                entry.kind_id,
                entry.signed_amount_minor,
                balance_minor,
                entry.reference,
            )
        )
    return lines
