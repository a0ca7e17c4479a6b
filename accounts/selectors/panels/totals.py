"""The panel ``totals``: how much moved, what waits, how quick it goes, who holds what."""

import msgspec
from django.db.models import Count, Min

from accounts.outbox import is_any_open, waiting
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading
from accounts.selectors.periods import Period
from accounts.selectors.posting_times import PostingTimes, times_of


class Waiting(msgspec.Struct, frozen=True):
    """Submissions without an outcome, and the instant since which the oldest waits."""

    number: int
    since_ms: int | None


class AccountBalance(msgspec.Struct, frozen=True):
    """What an account holds, or held at the filter's moment."""

    account: str
    holder: str
    balance_minor: int


class Totals(msgspec.Struct, frozen=True):
    """Transactions of the period, and how many are dated today.

    They are posted ones; where ``is_of_rejected``, those that moved nothing. What waits, and how
    long it takes, is known of now only.
    """

    deposits: int
    deposits_minor: int
    withdrawals: int
    withdrawals_minor: int
    today: int
    is_of_rejected: bool
    is_past: bool
    waiting: Waiting | None
    delays: PostingTimes | None
    balances: list[AccountBalance]

    @property
    def number(self) -> int:
        """Deposits and withdrawals together."""
        return self.deposits + self.withdrawals

    @property
    def net_minor(self) -> int:
        """What came in beyond what went out."""
        return self.deposits_minor - self.withdrawals_minor


def totals(reading: Reading, _asked: Asked) -> Totals:
    """Give the sums of what passes the filter, posted unless another outcome is chosen."""
    day = reading.chosen.today
    whole, is_past = reading.whole, reading.chosen.as_of is not None
    return Totals(
        deposits=whole.deposits,
        deposits_minor=whole.deposits_minor,
        withdrawals=whole.withdrawals,
        withdrawals_minor=whole.withdrawals_minor,
        today=reading.whole_of(Period(day, day)).number,
        is_of_rejected=reading.chosen.outcome == "rejected",
        waiting=None if is_past else _waiting(reading),
        delays=None if is_past else times_of(took for _at, took in reading.recent_delays),
        is_past=is_past,
        balances=[
            AccountBalance(account.number, account.holder, balance_minor)
            for account, balance_minor in reading.held
        ],
    )


def _waiting(reading: Reading) -> Waiting:
    # Usually there is none, which takes a tenth of asking what became of each.
    if not is_any_open():
        return Waiting(0, None)
    chosen = reading.chosen.submissions(reading.agent)
    mine = waiting().filter(submission__in=chosen)
    return Waiting(**mine.aggregate(number=Count("id"), since_ms=Min("queued_at_ms")))
