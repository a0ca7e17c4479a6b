"""The figures of a dashboard: exact, as of one moment, for what one agent may see."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from django.db.models import F, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from msgspec import Meta

from accounts.models import Agent, DailyTotal, Kind
from accounts.outbox import waiting
from accounts.selectors.accounts import holders_of
from accounts.selectors.balance_lines import BalanceLine, balance_line
from accounts.selectors.live_rows import LiveRow, transactions_of_period
from accounts.selectors.periods import ALL, Period, beginning_of
from accounts.selectors.posting_times import PostingTimes, posting_times
from accounts.selectors.scope import accounts_seen_by, submissions_seen_by, totals_seen_by
from accounts.selectors.sums import ExactSum

MOST_LINES: Final = 4
ACCOUNTS_COMPARED: Final = 10
ROWS_OF_PERIOD: Final = 20

AccountText = Annotated[str, Meta(max_length=34)]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent chose to look at. The same choice gives the same figures."""

    range: Literal["today", "7d", "30d", "all", "dates"] = ALL
    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    accounts: Annotated[tuple[AccountText, ...], Meta(max_length=MOST_LINES)] = ()

    @property
    def period(self) -> Period:
        """The business dates that the choice stands for today."""
        return Period.named(self.range, self.first, self.last)


class Totals(msgspec.Struct, frozen=True):
    """Posted transactions of the period, and how many are dated today."""

    deposits: int
    deposits_minor: int
    withdrawals: int
    withdrawals_minor: int
    today: int


class Waiting(msgspec.Struct, frozen=True):
    """Submissions without an outcome, and the instant since which the oldest waits."""

    number: int
    since_ms: int | None


class AccountSums(msgspec.Struct, frozen=True):
    """Posted transactions of one account in the period."""

    account: str
    holder: str
    deposits: int
    deposits_minor: int
    withdrawals: int
    withdrawals_minor: int


class Figures(msgspec.Struct, frozen=True):
    """All that a dashboard shows for one choice. A period open to one side has no end there."""

    begin_ms: int | None
    end_ms: int | None
    totals: Totals
    waiting: Waiting
    delays: PostingTimes | None
    compared: list[AccountSums]
    accounts_with_transactions: int
    lines: list[BalanceLine]
    rows: list[LiveRow]


def figures(agent: Agent, choice: Choice) -> Figures:
    """Give the figures for ``choice``. Call it within a ``snapshot``, or parts may differ."""
    period = choice.period
    totals = totals_seen_by(agent).filter(**period.lookups("business_date"))
    return Figures(
        begin_ms=beginning_of(period.first) if period.first else None,
        end_ms=beginning_of(period.last + timedelta(days=1)) if period.last else None,
        totals=_totals(agent, totals),
        waiting=_waiting(agent),
        delays=posting_times(agent),
        compared=_compared(agent, totals),
        accounts_with_transactions=totals.values("account").distinct().count(),
        lines=[line for number in choice.accounts if (line := balance_line(agent, number, period))],
        rows=transactions_of_period(agent, period, limit=ROWS_OF_PERIOD),
    )


def usual_choice(agent: Agent) -> Choice:
    """Give the last 30 days; all there is where these are empty, so that no first page is."""
    recent = Choice(range="30d")
    days = recent.period.lookups("business_date")
    return recent if totals_seen_by(agent).filter(**days).exists() else Choice()


def busiest_accounts(agent: Agent, period: Period, *, limit: int) -> tuple[str, ...]:
    """Give the accounts with the most transactions in ``period``, the busiest first."""
    totals = totals_seen_by(agent).filter(**period.lookups("business_date"))
    counted = totals.values("account").annotate(number=Sum("count"))
    return tuple(counted.order_by("-number", "account").values_list("account", flat=True)[:limit])


def accounts_counted(agent: Agent) -> int:
    """Count the accounts that the agent may see."""
    return accounts_seen_by(agent).count()


def _totals(agent: Agent, totals: QuerySet[DailyTotal]) -> Totals:
    today = totals_seen_by(agent).filter(business_date=timezone.localdate())
    return Totals(
        **totals.aggregate(**_sums(ExactSum)),
        today=today.aggregate(number=_sum("count"))["number"],
    )


def _compared(agent: Agent, totals: QuerySet[DailyTotal]) -> list[AccountSums]:
    sums = totals.values("account").annotate(**_sums(_sum))
    by_amount = sums.order_by((F("deposits_minor") + F("withdrawals_minor")).desc(), "account")
    found: list[Any] = list(by_amount[:ACCOUNTS_COMPARED])
    holders = holders_of((each["account"] for each in found), seen_by=agent)
    return [AccountSums(holder=holders.get(each["account"], ""), **each) for each in found]


def _sums(sum_of: Callable[[str, Q], Any]) -> dict[str, Any]:
    deposit, withdrawal = Q(kind=Kind.DEPOSIT), Q(kind=Kind.WITHDRAWAL)
    return {
        "deposits": _sum("count", deposit),
        "deposits_minor": sum_of("amount_minor", deposit),
        "withdrawals": _sum("count", withdrawal),
        "withdrawals_minor": sum_of("amount_minor", withdrawal),
    }


def _sum(column: str, condition: Q | None = None) -> Coalesce:
    return Coalesce(Sum(column, filter=condition), 0)


def _waiting(agent: Agent) -> Waiting:
    mine = waiting().filter(submission__in=submissions_seen_by(agent))
    ends = mine.aggregate(since_ms=Min("queued_at_ms"))
    return Waiting(number=mine.count(), since_ms=ends["since_ms"])
