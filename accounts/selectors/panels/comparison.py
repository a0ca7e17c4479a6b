"""The panels that set accounts side by side: ``heat`` by number, ``bars`` by amount."""

from typing import Any, Final

import msgspec
from django.db.models import F

from accounts.selectors.accounts import holders_of
from accounts.selectors.panels.reading import Reading, plain_sum, sums
from accounts.selectors.sums import ExactSum

ACCOUNTS_COMPARED: Final = 10


class AccountSums(msgspec.Struct, frozen=True):
    """Transactions of one account in the period."""

    account: str
    holder: str
    deposits: int
    deposits_minor: int
    withdrawals: int
    withdrawals_minor: int


class Compared(msgspec.Struct, frozen=True):
    """The accounts with the greatest amounts, how many have any, and all amounts together."""

    rows: list[AccountSums]
    accounts: int
    amounts_minor: int


def heat(reading: Reading) -> Compared:
    """Give the accounts whose numbers of transactions are compared."""
    return _compared(reading)


def bars(reading: Reading) -> Compared:
    """Give the accounts whose amounts are compared."""
    return _compared(reading)


def _compared(reading: Reading) -> Compared:
    by_account = reading.movements.values("account").annotate(**sums(plain_sum))
    amounts = F("deposits_minor") + F("withdrawals_minor")
    by_amount = by_account.order_by(amounts.desc(), "account")
    found: list[Any] = list(by_amount[:ACCOUNTS_COMPARED])
    holders = holders_of((each["account"] for each in found), seen_by=reading.agent)
    whole = reading.movements.aggregate(amounts_minor=ExactSum("amount_minor"))
    return Compared(
        rows=[AccountSums(holder=holders.get(each["account"], ""), **each) for each in found],
        accounts=reading.accounts_with_transactions,
        amounts_minor=whole["amounts_minor"],
    )
