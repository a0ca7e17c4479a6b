"""What several panels need of one filter, read once for all of them."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.models import Agent, DailyTotal, Entry, Kind
from accounts.selectors.filters import Filter
from accounts.selectors.periods import Period

MOST_LINES: Final = 4
LINES_AT_FIRST: Final = 2


class Reading:
    """One agent's look at one filter. To be used within one ``snapshot``, and thrown away."""

    def __init__(self, agent: Agent, chosen: Filter) -> None:
        self.agent = agent
        self.chosen = chosen

    @cached_property
    def period(self) -> Period:
        """The filter's business dates."""
        return self.chosen.period

    @cached_property
    def movements(self) -> QuerySet[DailyTotal] | QuerySet[Entry]:
        """Rows whose sums are those of the filter."""
        return self.chosen.movements(self.agent)

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """The accounts whose balance is shown: the chosen ones, else the busiest."""
        if self.chosen.accounts:
            return self.chosen.accounts[:MOST_LINES]
        counted = self.movements.values("account").annotate(number=Sum("count"))
        busiest = counted.order_by("-number", "account")[:LINES_AT_FIRST]
        return tuple(str(each["account"]) for each in busiest)

    @cached_property
    def accounts_with_transactions(self) -> int:
        """How many accounts have any of what is summed."""
        return self.movements.values("account").distinct().count()


def sums(sum_of: Callable[[str, Q], Any]) -> dict[str, Any]:
    """Give the aggregates of movements: numbers and, by ``sum_of``, amounts."""
    deposit, withdrawal = Q(kind=Kind.DEPOSIT), Q(kind=Kind.WITHDRAWAL)
    return {
        "deposits": plain_sum("count", deposit),
        "deposits_minor": sum_of("amount_minor", deposit),
        "withdrawals": plain_sum("count", withdrawal),
        "withdrawals_minor": sum_of("amount_minor", withdrawal),
    }


def plain_sum(column: str, condition: Q | None = None) -> Coalesce:
    """Give the sum of a column as the database adds up; 0 for no rows."""
    return Coalesce(Sum(column, filter=condition), 0)
