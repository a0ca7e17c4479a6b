"""The panel ``low``: accounts with the least left before their least balance."""

from typing import Final

import msgspec
from django.db.models import F

from accounts.models import Balance
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading

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
    """Give the accounts that pass the filter and are nearest to their least balance, as of now."""
    left = F("balance_minor") - F("least_balance_minor")
    balances = Balance.objects.annotate(left_minor=left)
    if (accounts := reading.accounts) is not None:
        let_through = reading.chosen.accounts_let_through(reading.agent).values("number")
        balances = balances.filter(account__in=let_through) if accounts else balances.none()
    found = list(balances.order_by("left_minor", "account")[: asked.rows(4, 8, 14)])
    holders = reading.holders(row.account_id for row in found)
    return Low(
        rows=[
            LowAccount(
                row.account_id,
                holders.get(row.account_id, ""),
                row.balance_minor,
                row.least_balance_minor,
                row.balance_minor - row.least_balance_minor,
            )
            for row in found
        ],
        near=balances.filter(left_minor__lt=NEAR_MINOR).count(),
        near_minor=NEAR_MINOR,
    )
