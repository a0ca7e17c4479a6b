"""What several panels need of one filter, read once for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from accounts.models import Agent, Kind, Outcome
from accounts.selectors.accounts import holders_of
from accounts.selectors.filters import Filter
from accounts.selectors.periods import Period
from accounts.selectors.positions import Position, current_position
from accounts.selectors.scope import sees_every_branch
from accounts.selectors.standings import Cells, Summed, standings

MOST_LINES: Final = 4
LINES_AT_FIRST: Final = 2


@dataclass(slots=True)
class Sums:
    """Transactions of one account, or of many: how many of each kind, and how much."""

    deposits: int = 0
    deposits_minor: int = 0
    withdrawals: int = 0
    withdrawals_minor: int = 0

    @property
    def count(self) -> int:
        """Deposits and withdrawals together."""
        return self.deposits + self.withdrawals

    @property
    def amounts_minor(self) -> int:
        """What was paid in and what was paid out, added."""
        return self.deposits_minor + self.withdrawals_minor

    def add(self, kind: int, number: int, minor: int) -> None:
        """Add ``number`` transactions of a kind."""
        if kind == Kind.DEPOSIT:
            self.deposits += number
            self.deposits_minor += minor
        else:
            self.withdrawals += number
            self.withdrawals_minor += minor


class Reading:
    """One agent's look at one filter. To be used within one ``snapshot``, and thrown away."""

    def __init__(self, agent: Agent, chosen: Filter) -> None:
        self.agent = agent
        self.chosen = chosen

    @cached_property
    def position(self) -> Position:
        """The ledger's end."""
        return current_position()

    @cached_property
    def period(self) -> Period:
        """The filter's business dates."""
        return self.chosen.period

    @cached_property
    def outcome(self) -> Outcome:
        """Of which outcome transactions are summed: posted, unless the others are chosen."""
        return Outcome.REJECTED if self.chosen.outcome == "rejected" else Outcome.POSTED

    @cached_property
    def accounts(self) -> frozenset[str] | None:
        """The accounts that pass; None where all do."""
        if sees_every_branch(self.agent) and not self.chosen.branch:
            return frozenset(self.chosen.accounts) or None
        let_through = self.chosen.accounts_let_through(self.agent)
        return frozenset(let_through.values_list("number", flat=True))

    @cached_property
    def by_account(self) -> dict[str, Sums]:
        """The sums of the filter's period for each account that has any."""
        return self.sums_of(self.period)

    @cached_property
    def whole(self) -> Sums:
        """The sums of the filter's period over all accounts."""
        return total(self.by_account.values())

    def sums_of(self, period: Period) -> dict[str, Sums]:
        """Give the sums by account for other business dates than the filter's."""
        by_account: dict[str, Sums] = {}
        for (account, kind, _reason), (number, minor) in self.cells(period, self.outcome).items():
            by_account.setdefault(account, Sums()).add(kind, number, minor)
        return by_account

    def cells(self, period: Period, outcome: Outcome) -> Cells:
        """Give numbers and amounts by account, kind and reason, of what passes the filter."""
        summed = Summed(period.first, period.last, outcome, self.chosen.agent)
        cells = standings.cells(summed, self.position)
        accounts, kinds = self.accounts, self.chosen.kinds
        return {
            cell: sums
            for cell, sums in cells.items()
            if (accounts is None or cell[0] in accounts) and cell[1] in kinds
        }

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """The accounts whose balance is shown: the chosen ones, else the busiest."""
        if self.chosen.accounts:
            return self.chosen.accounts[:MOST_LINES]
        busiest = sorted(self.by_account.items(), key=lambda each: (-each[1].count, each[0]))
        return tuple(account for account, _sums in busiest[:LINES_AT_FIRST])

    def holders(self, numbers: Iterable[str]) -> dict[str, str]:
        """Give the holders of accounts by their numbers."""
        return holders_of(numbers, seen_by=self.agent)


def total(each: Iterable[Sums]) -> Sums:
    """Add up sums."""
    whole = Sums()
    for sums in each:
        whole.add(Kind.DEPOSIT, sums.deposits, sums.deposits_minor)
        whole.add(Kind.WITHDRAWAL, sums.withdrawals, sums.withdrawals_minor)
    return whole
