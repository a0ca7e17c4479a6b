"""Reads an account's balance over the last days, one point a posted entry."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from accounts.models import Agent, Outcome
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
    latest = list(entries.order_by("-id")[:_ENTRIES_AT_MOST])
    return [
        BalancePoint(
            entry.business_date,
            (entry.balance_minor or 0) - entry.signed_amount_minor,
            entry.balance_minor or 0,
        )
        for entry in reversed(latest)
    ]
