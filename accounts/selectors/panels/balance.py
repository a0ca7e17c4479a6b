"""The panel ``balance``: how the balances of a few accounts went."""

from datetime import timedelta

import msgspec

from accounts.selectors.balance_lines import BalanceLine, balance_line
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading
from accounts.selectors.periods import Period, beginning_of


class Balances(msgspec.Struct, frozen=True):
    """Lines over one period. A period open to one side has no end there.

    As of a past moment it goes no further than that: nobody knew what came then.
    A balance is of all that an account did: kind, status and agent of the filter do not rule
    it, and ``is_whole`` says whether they would have.
    """

    begin_ms: int | None
    end_ms: int | None
    lines: list[BalanceLine]
    chosen: int
    is_whole: bool


def balance(reading: Reading, _asked: Asked) -> Balances:
    """Give the lines of the chosen accounts, or of the busiest where none is chosen."""
    chosen, period = reading.chosen, reading.period
    return Balances(
        begin_ms=beginning_of(period.first) if period.first else None,
        end_ms=_end(period, chosen.as_of),
        lines=[balance_line(*each, period, as_of=chosen.as_of) for each in reading.held],
        chosen=len(chosen.accounts),
        is_whole=not (chosen.kind or chosen.agent or chosen.outcome == "rejected"),
    )


def _end(period: Period, as_of: int | None) -> int | None:
    last = beginning_of(period.last + timedelta(days=1)) if period.last else None
    return min((each for each in (last, as_of) if each is not None), default=None)
