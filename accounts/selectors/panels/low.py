"""The panel ``low``: accounts with the least left before their least balance."""

from heapq import nsmallest
from typing import Final

import msgspec
from django.db.models import F, QuerySet

from accounts.models import Balance
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading
from accounts.selectors.standing_balances import balances_at

# Of the amount column's unit: 100.00 in most currencies.
NEAR_MINOR: Final = 10_000


Held = tuple[str, int, int]  # account, balance, least balance


class LowAccount(msgspec.Struct, frozen=True):
    """What an account holds, the least it may, and what is left between: below 0 if overdrawn."""

    account: str
    holder: str
    balance_minor: int
    least_balance_minor: int
    left_minor: int

    @property
    def over_minor(self) -> int:
        """By how much it is overdrawn."""
        return -self.left_minor


class Low(msgspec.Struct, frozen=True):
    """Accounts by what is left on them, the least first; and how many have little or less."""

    rows: list[LowAccount]
    near: int
    near_minor: int


def low(reading: Reading, asked: Asked) -> Low:
    """Give the accounts that pass the filter and are nearest to their least balance."""
    balances = Balance.objects.all()
    if reading.accounts is not None:
        let_through = reading.chosen.accounts_let_through(reading.agent).values("number")
        balances = balances.filter(account__in=let_through)
    length = asked.rows(4, 8, 14)
    if reading.chosen.as_of is None:
        found, near = _now(balances, length)
    else:
        found, near = _then(balances, length, reading.chosen.as_of)
    holders = reading.holders(account for account, _balance, _least in found)
    rows = [
        LowAccount(account, holders.get(account, ""), balance, least, balance - least)
        for account, balance, least in found
    ]
    return Low(rows, near, NEAR_MINOR)


def _now(balances: QuerySet[Balance], length: int) -> tuple[list[Held], int]:
    with_left = balances.annotate(left=F("balance_minor") - F("least_balance_minor"))
    ordered = with_left.order_by("left", "account")[:length]
    found = [(str(row.account_id), row.balance_minor, row.least_balance_minor) for row in ordered]
    return found, with_left.filter(left__lt=NEAR_MINOR).count()


def _then(balances: QuerySet[Balance], length: int, as_of: int) -> tuple[list[Held], int]:
    held = balances_at(balances, as_of)
    rows = balances.values_list("account_id", "least_balance_minor")
    least = {str(account): minor for account, minor in rows}
    left = {account: balance - least[account] for account, balance in held.items()}
    shown = nsmallest(length, left, key=lambda account: (left[account], account))
    found = [(account, held[account], least[account]) for account in shown]
    return found, sum(each < NEAR_MINOR for each in left.values())
