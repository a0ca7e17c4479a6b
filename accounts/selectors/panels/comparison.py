"""The panels that set accounts side by side: ``heat`` by number, ``bars`` by amount."""

from collections.abc import Mapping
from typing import Final

import msgspec

from accounts.selectors.accounts import numbers_found
from accounts.selectors.panels.asked import Asked, Measure
from accounts.selectors.panels.reading import Reading
from accounts.selectors.standings import Column, Sums, foremost

COLUMNS: Final[Mapping[Measure, Column]] = {
    "amount": "amounts_minor",
    "count": "number",
    "in": "deposits_minor",
    "out": "withdrawals_minor",
}


class AccountSums(msgspec.Struct, frozen=True):
    """Transactions of one account in the period."""

    account: str
    holder: str
    deposits: int
    deposits_minor: int
    withdrawals: int
    withdrawals_minor: int


class Compared(msgspec.Struct, frozen=True):
    """One page of the accounts with the most of a measure.

    ``accounts`` are those with transactions, ``found`` those of them that the search lets
    through; ``first`` is the place of the first row among these, from 0.
    """

    rows: list[AccountSums]
    page: int
    first: int
    found: int
    accounts: int
    amounts_minor: int


def compared(reading: Reading, asked: Asked) -> Compared:
    """Give the accounts that are compared: as many as fit, by the measure that is asked for."""
    sums = found = reading.by_account
    if asked.find.strip():
        numbers = numbers_found(reading.agent, asked.find)
        found = {account: each for account, each in sums.items() if account in numbers}
    column, length = COLUMNS[asked.by], asked.rows(5, 10, 16)
    page = min(asked.page, max(0, len(found) - 1) // length)
    first = page * length
    if found is sums:
        shown = reading.foremost(column, first + length)[first:]
    else:
        shown = foremost(found, column, first + length)[first:]
    holders = reading.holders(shown)
    return Compared(
        rows=[_row(account, holders.get(account, ""), found[account]) for account in shown],
        page=page,
        first=first,
        found=len(found),
        accounts=len(sums),
        amounts_minor=reading.whole.amounts_minor,
    )


def _row(account: str, holder: str, sums: Sums) -> AccountSums:
    return AccountSums(
        account,
        holder,
        sums.deposits,
        sums.deposits_minor,
        sums.withdrawals,
        sums.withdrawals_minor,
    )
