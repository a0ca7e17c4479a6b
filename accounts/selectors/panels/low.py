"""The panel ``low``: accounts with the least left before their least balance."""

from heapq import nsmallest
from typing import Final

import msgspec

from accounts.models import Balance
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading
from accounts.selectors.standing_balances import balances_at

# Of the amount column's unit: 100.00 in most currencies.
NEAR_MINOR: Final = 10_000


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
    if (accounts := reading.accounts) is not None:
        let_through = reading.chosen.accounts_let_through(reading.agent).values("number")
        balances = balances.filter(account__in=let_through) if accounts else balances.none()
    held = balances_at(balances, reading.chosen.as_of)
    rows = balances.values_list("account_id", "least_balance_minor")
    least = {str(account): minor for account, minor in rows}
    left = {account: balance - least[account] for account, balance in held.items()}
    shown = nsmallest(asked.rows(4, 8, 14), left, key=lambda account: (left[account], account))
    holders = reading.holders(shown)
    return Low(
        rows=[
            LowAccount(each, holders.get(each, ""), held[each], least[each], left[each])
            for each in shown
        ],
        near=sum(each < NEAR_MINOR for each in left.values()),
        near_minor=NEAR_MINOR,
    )
