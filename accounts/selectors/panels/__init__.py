"""What each panel of a dashboard shows: exact, as of one moment, for what one agent may see."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from accounts.models import Agent
from accounts.selectors.filters import Filter
from accounts.selectors.panels.asked import Asked, Height, asked_in
from accounts.selectors.panels.balance import balance
from accounts.selectors.panels.comparison import compared
from accounts.selectors.panels.day import two_days
from accounts.selectors.panels.low import low
from accounts.selectors.panels.pace import delay, rate
from accounts.selectors.panels.reading import Reading
from accounts.selectors.panels.rejected import rejected
from accounts.selectors.panels.rows import largest, live, period
from accounts.selectors.panels.totals import totals

__all__ = ["PANELS", "Asked", "Height", "asked_in", "read_panels"]

PANELS: Final[Mapping[str, Callable[[Reading, Asked], msgspec.Struct]]] = {
    "totals": totals,
    "day": two_days,
    "live": live,
    "balance": balance,
    "heat": compared,
    "bars": compared,
    "period": period,
    "rate": rate,
    "largest": largest,
    "rejected": rejected,
    "low": low,
    "delay": delay,
}


def read_panels(
    agent: Agent, chosen: Filter, asked: Iterable[Asked]
) -> dict[Asked, msgspec.Struct]:
    """Give what the panels show; names that are of none are left out.

    Call it within a ``snapshot``, or parts may differ.
    """
    reading = Reading(agent, chosen)
    return {each: PANELS[each.name](reading, each) for each in asked if each.name in PANELS}
