"""The ledger in figures: what it concluded, what waits for it, what it holds."""

from dataclasses import dataclass

from django.db.models import Sum

from accounts import outbox
from accounts.models import Balance, Log, LogPosition
from accounts.selectors.dead_letters import undecided_count
from accounts.selectors.sums import ExactSum

_FATES = ("transactions", "posted", "rejected", "dead", "repeats")


@dataclass(frozen=True, kw_only=True)
class LedgerStatus:
    """Messages by fate over all logs the ledger has followed, and sums over all accounts.

    ``transactions`` are the posted entries that moved money; ``posted`` counts the openings
    of accounts too.
    """

    transactions: int
    posted: int
    rejected: int
    dead_letters: int
    dead_letters_undecided: int
    repeats: int
    submissions_waiting: int
    accounts: int
    total_balance_minor: int


def ledger_status() -> LedgerStatus:
    """Give the ledger's figures: from counters, so that a million rows are not counted."""
    fates = LogPosition.objects.aggregate(**{name: Sum(name, default=0) for name in _FATES})
    dead = fates.pop("dead")
    return LedgerStatus(
        **fates,
        dead_letters=dead,
        dead_letters_undecided=undecided_count(),
        submissions_waiting=outbox.waiting().count(),
        accounts=Balance.objects.count(),
        total_balance_minor=Balance.objects.aggregate(sum=ExactSum("balance_minor"))["sum"],
    )


def next_offsets(log: Log) -> dict[int, int]:
    """Give for each partition of ``log`` the offset that the ledger concludes next."""
    return dict(LogPosition.objects.filter(log=log).values_list("partition", "next_offset"))
