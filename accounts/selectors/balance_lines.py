"""The course of an account's balance over business dates, one step a transaction."""

import time
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Final

import msgspec
from django.db.models import BigIntegerField, Case, F, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from accounts.models import TRANSACTION_KINDS, Account, Agent, DailyTotal, Entry, Kind, Outcome
from accounts.selectors.periods import Period, beginning_of
from accounts.selectors.scope import accounts_seen_by

# Beyond this many transactions the line has one step a day, and beyond as many days it has one
# for every so many days: the balance at their end.
MOST_STEPS: Final = 500


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A moment, the balance from then on, and by how much it changed."""

    at_ms: int
    balance_minor: int
    change_minor: int


class BalanceLine(msgspec.Struct, frozen=True):
    """An account's balance now, where it stood when the period began, and its steps since.

    ``days_a_step`` is 0 where each step is one transaction. The order is that of business
    dates, and within one date the ledger's, so a step need not be the balance that was posted
    at the time; the last one of an open period is the balance now.
    """

    account: str
    holder: str
    balance_minor: int
    start_minor: int
    days_a_step: int
    steps: list[Step]


def balance_line(agent: Agent, number: str, period: Period) -> BalanceLine | None:
    """Give the line of one account; None for an account that is not open or not the agent's."""
    accounts = accounts_seen_by(agent).filter(balance__isnull=False).select_related("balance")
    account = accounts.filter(number=number).first()
    if account is None:
        return None
    totals = DailyTotal.objects.filter(account=number)
    since = totals.filter(business_date__gte=period.first) if period.first else totals
    start_minor = account.balance.balance_minor - _moved(since)
    days_a_step, steps = _steps(account, totals.filter(**period.lookups("business_date")), period)
    return BalanceLine(
        account=number,
        holder=account.holder,
        balance_minor=account.balance.balance_minor,
        start_minor=start_minor,
        days_a_step=days_a_step,
        steps=_added_up(start_minor, steps),
    )


def _moved(totals: QuerySet[DailyTotal]) -> int:
    return int(totals.aggregate(sum=Coalesce(Sum(_signed()), 0))["sum"])


def _signed() -> Case:
    taken = When(kind=Kind.WITHDRAWAL, then=-F("amount_minor"))
    return Case(taken, default=F("amount_minor"), output_field=BigIntegerField())


def _steps(
    account: Account, totals: QuerySet[DailyTotal], period: Period
) -> tuple[int, list[tuple[int, int]]]:
    count = int(totals.aggregate(sum=Coalesce(Sum("count"), 0))["sum"])
    if count <= MOST_STEPS:
        return 0, _by_transaction(account, period)
    return _by_days(totals)


def _by_transaction(account: Account, period: Period) -> list[tuple[int, int]]:
    entries = Entry.objects.filter(
        account=account,
        outcome=Outcome.POSTED,
        kind__in=TRANSACTION_KINDS,
        **period.lookups("business_date"),
    ).order_by("business_date", "id")
    rows = entries.only("business_date", "logged_at_ms", "kind", "amount_minor")
    moments = _moments([(row.business_date, row.logged_at_ms) for row in rows])
    return [(at, row.signed_amount_minor) for at, row in zip(moments, rows, strict=True)]


def _moments(dated: Sequence[tuple[date, int]]) -> list[int]:
    """Give each transaction a moment within its business date, in their order.

    The time at which the log took it, where that was on the same day; else its share of the day.
    """
    moments: list[int] = []
    for day, of_day in groupby(dated, key=lambda each: each[0]):
        logged = [logged_at_ms for _day, logged_at_ms in of_day]
        begin, end = beginning_of(day), beginning_of(day + timedelta(days=1))
        share = (end - begin) // (len(logged) + 1)
        for place, logged_at_ms in enumerate(logged, start=1):
            own = begin <= logged_at_ms < end
            moment = logged_at_ms if own else begin + place * share
            moments.append(max(moment, moments[-1] if moments else moment))
    return moments


def _by_days(totals: QuerySet[DailyTotal]) -> tuple[int, list[tuple[int, int]]]:
    rows = totals.values("business_date").annotate(moved=Sum(_signed())).order_by("business_date")
    days = [(row["business_date"], row["moved"]) for row in rows]
    span = (days[-1][0] - days[0][0]).days + 1
    days_a_step = -(-span // MOST_STEPS)
    return days_a_step, _in_spans(days, days_a_step)


def _in_spans(days: Iterable[tuple[date, int]], length: int) -> list[tuple[int, int]]:
    """Add up what moved in each span of ``length`` days; a span's moment is its end.

    The span that goes on is told as of now: nobody knows a balance of tomorrow.
    """
    now_ms = time.time_ns() // 1_000_000
    added: list[tuple[int, int]] = []
    for place, of_span in groupby(days, key=lambda each: each[0].toordinal() // length):
        moves = list(of_span)
        last_day = moves[-1][0]
        end_ms = beginning_of(date.fromordinal((place + 1) * length))
        if end_ms > now_ms:
            end_ms = min(end_ms, max(now_ms, beginning_of(last_day)))
        added.append((end_ms, sum(moved for _day, moved in moves)))
    return added


def _added_up(start_minor: int, steps: Iterable[tuple[int, int]]) -> list[Step]:
    balance_minor = start_minor
    added: list[Step] = []
    for at_ms, change_minor in steps:
        balance_minor += change_minor
        added.append(Step(at_ms, balance_minor, change_minor))
    return added
