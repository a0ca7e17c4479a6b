"""What each panel of a dashboard shows: exact, as of one moment, for what one agent may see."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from accounts.models import Agent
from accounts.selectors.filters import Filter
from accounts.selectors.panels.balance import balance
from accounts.selectors.panels.comparison import bars, heat
from accounts.selectors.panels.reading import Reading
from accounts.selectors.panels.rows import live, period
from accounts.selectors.panels.totals import totals

PANELS: Final[Mapping[str, Callable[[Reading], msgspec.Struct]]] = {
    "totals": totals,
    "live": live,
    "balance": balance,
    "heat": heat,
    "bars": bars,
    "period": period,
}


def read_panels(agent: Agent, chosen: Filter, names: Iterable[str]) -> dict[str, msgspec.Struct]:
    """Give what the panels ``names`` show; names that are none are left out.

    Call it within a ``snapshot``, or parts may differ.
    """
    reading = Reading(agent, chosen)
    return {name: PANELS[name](reading) for name in names if name in PANELS}
