"""What several panels need of one filter, read once for all of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

import msgspec
from django.db.models import QuerySet

from accounts.models import TRANSACTION_KINDS, Account, Agent, Balance, Entry, Outcome
from accounts.selectors.accounts import holders_of
from accounts.selectors.filters import Filter
from accounts.selectors.periods import ALL, Period
from accounts.selectors.positions import Position, current_position
from accounts.selectors.posting_times import recent_delays
from accounts.selectors.scope import accounts_seen_by, sees_every_branch
from accounts.selectors.standing_balances import balances_at
from accounts.selectors.standings import Column, Standing, Summed, Sums, foremost, standings, total

MOST_LINES: Final = 4
LINES_AT_FIRST: Final = 2


class Reading:
    """One agent's look at one filter. To be used within one ``snapshot``, and thrown away."""

    def __init__(self, agent: Agent, chosen: Filter) -> None:
        self.agent = agent
        self.chosen = chosen
        # Of an account that the agent may not see, None.
        self._holders: dict[str, str | None] = {}

    @cached_property
    def position(self) -> Position:
        """The ledger's end."""
        return current_position()

    @cached_property
    def period(self) -> Period:
        """The filter's business dates."""
        return self.chosen.period

    @cached_property
    def entries(self) -> QuerySet[Entry]:
        """The entries that pass and that the agent may see."""
        return self.chosen.entries(self.agent)

    @cached_property
    def entries_of_all_dates(self) -> QuerySet[Entry]:
        """The same, were no dates chosen."""
        return msgspec.structs.replace(self.chosen, range=ALL).entries(self.agent)

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
    def _of_period(self) -> Standing:
        return self._standing(self.period, self.outcome)

    @cached_property
    def by_account(self) -> Mapping[str, Sums]:
        """The sums of the filter's period for each account that has any."""
        return self._passing(self._of_period)

    def foremost(self, column: Column, length: int) -> list[str]:
        """Give the accounts of ``by_account`` with the most in a column, at most so many."""
        if self.by_account is self._of_period.sums:
            return self._of_period.foremost(column, length)
        return foremost(self.by_account, column, length)

    @cached_property
    def whole(self) -> Sums:
        """The sums of the filter's period over all accounts."""
        return self.whole_of(self.period)

    def whole_of(self, period: Period) -> Sums:
        """Give the sums over all accounts for other business dates than the filter's."""
        standing = self._standing(period, self.outcome)
        if self.accounts is None:
            return standing.whole.of_kinds(self.chosen.kinds)
        return total(self._passing(standing).values())

    def reasons(self) -> Counter[str]:
        """Count what was rejected in the filter's period, by reason."""
        standing = self._standing(self.period, Outcome.REJECTED)
        whole = [standing.whole_reasons]
        if self.accounts is not None:
            whole = [standing.reasons[each] for each in self.accounts if each in standing.reasons]
        counted: Counter[str] = Counter()
        for each in whole:
            for (kind, reason), number in each.items():
                if kind in self.chosen.kinds:
                    counted[reason] += number
        return counted

    def _standing(self, period: Period, outcome: Outcome) -> Standing:
        chosen = self.chosen
        summed = Summed(period.first, period.last, outcome, chosen.agent, chosen.as_of)
        return standings.at(summed, self.position)

    def _passing(self, standing: Standing) -> Mapping[str, Sums]:
        sums, accounts, kinds = standing.sums, self.accounts, self.chosen.kinds
        if accounts is not None:
            sums = {account: sums[account] for account in accounts if account in sums}
        if kinds != TRANSACTION_KINDS:
            narrowed = ((account, each.of_kinds(kinds)) for account, each in sums.items())
            sums = {account: each for account, each in narrowed if each.number}
        return sums

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """The accounts whose balance is shown: the chosen ones, else the busiest."""
        if self.chosen.accounts:
            return self.chosen.accounts[:MOST_LINES]
        return tuple(self.foremost("number", LINES_AT_FIRST))

    @cached_property
    def held(self) -> list[tuple[Account, int]]:
        """Those of ``drawn`` that are open, each with what it holds, or held at the moment."""
        accounts = accounts_seen_by(self.agent).filter(balance__isnull=False)
        found = {
            each.number: each
            for each in accounts.filter(number__in=self.drawn).select_related("balance")
        }
        held = {number: int(each.balance.balance_minor) for number, each in found.items()}
        if self.chosen.as_of is not None:
            balances = Balance.objects.filter(account_id__in=list(found))
            held = balances_at(balances, self.chosen.as_of)
        return [(found[number], held[number]) for number in self.drawn if number in held]

    @cached_property
    def recent_delays(self) -> list[tuple[int, int]]:
        """Moment and milliseconds to the posting of the last hour's submissions that pass."""
        return recent_delays(self.chosen.submissions(self.agent))

    def holders(self, numbers: Iterable[str]) -> dict[str, str]:
        """Give the holders of accounts by their numbers, each of which is asked for once."""
        wanted = set(numbers)
        if unknown := wanted - self._holders.keys():
            self._holders |= dict.fromkeys(unknown)
            self._holders |= holders_of(unknown, seen_by=self.agent)
        return {each: found for each in wanted if (found := self._holders[each]) is not None}
