"""Reads an account's balance over the last days, one point a posted entry."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from accounts.models import Agent, Kind, Outcome
from accounts.selectors.scope import entries_seen_by

DAYS = 30
_ENTRIES_AT_MOST = 400


@dataclass(frozen=True)
class BalancePoint:
    """The balance after one entry; ``before_minor`` is what it found."""

    business_date: date
    before_minor: int
    balance_minor: int


def recent_balance(agent: Agent, number: str) -> list[BalancePoint]:
    """Give the posted entries of the last 30 days in ledger order, 400 of them at most."""
    first = timezone.localdate() - timedelta(days=DAYS - 1)
    entries = entries_seen_by(agent).filter(
        account_id=number, outcome=Outcome.POSTED, business_date__gte=first
    )
    columns = ("business_date", "kind", "amount_minor", "balance_minor")
    latest = list(entries.order_by("-id").values_list(*columns)[:_ENTRIES_AT_MOST])
    return [
        BalancePoint(
            day, balance_minor + (minor if kind == Kind.WITHDRAWAL else -minor), balance_minor
        )
        for day, kind, minor, balance_minor in reversed(latest)
    ]
