"""Draws the small line of an account's balance: geometry only, the template has the strokes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, Self

from accounts.selectors.recent_balance import DAYS, BalancePoint

# In pixels: how wide and high the template draws it, and what a character takes beside it.
_WIDTH = 272
_TOP, _BOTTOM = 6.0, 49.0
_GAP, _CHARACTER, _LINE_HEIGHT = 6, 7.7, 10.0


@dataclass(frozen=True)
class Label:
    """Where the figure of the highest level stands: across in percent, the rest in pixels."""

    x: str
    dx: int
    y: str
    anchor: Literal["start", "end"]


@dataclass(frozen=True)
class Level:
    """A balance for as long as it stood, from the left end of its stroke to the right one."""

    begin: float
    end: float
    down: float


@dataclass(frozen=True)
class Sparkline:
    """A line with the figures that its description names.

    ``path`` goes across in percent of the width, and down in pixels.
    """

    path: str
    first_day: date
    last_day: date
    start_minor: int
    peak_minor: int
    peak_day: date
    label: Label
    end_minor: int
    end_y: str

    @classmethod
    def of(cls, points: Sequence[BalancePoint], *, today: date) -> Self | None:
        """Give the line through ``points``, or None where there are too few to show one."""
        if len(points) < 2:
            return None
        first_day = today - timedelta(days=DAYS - 1)
        # The line begins with what the first of them found.
        balances = [points[0].before_minor, *(point.balance_minor for point in points)]
        days = [first_day, *(point.business_date for point in points)]
        levels = _levels(balances, _across(points, first_day))
        peak = max(range(len(balances)), key=balances.__getitem__)
        return cls(
            path=_path(levels),
            first_day=first_day,
            last_day=today,
            start_minor=balances[0],
            peak_minor=balances[peak],
            peak_day=days[peak],
            label=_label(levels, peak, _percent_wide(balances[peak])),
            end_minor=balances[-1],
            end_y=f"{levels[-1].down:.1f}",
        )


def _across(points: Sequence[BalancePoint], first_day: date) -> list[float]:
    """Place each point within its day: the entries of a day share its width."""
    in_day = Counter(point.business_date for point in points)
    seen: Counter[date] = Counter()
    places = []
    for point in points:
        seen[point.business_date] += 1
        share = seen[point.business_date] / (in_day[point.business_date] + 1)
        places.append(((point.business_date - first_day).days + share) / DAYS * 100)
    return places


def _levels(balances: Sequence[int], across: Sequence[float]) -> list[Level]:
    ends = pairwise([0.0, *across, 100.0])
    return [Level(*end, down) for end, down in zip(ends, _scale(balances), strict=True)]


def _scale(balances: Sequence[int]) -> list[float]:
    least, most = min(balances), max(balances)
    height = (most - least) or 1
    return [_BOTTOM - (balance - least) / height * (_BOTTOM - _TOP) for balance in balances]


def _path(levels: Sequence[Level]) -> str:
    # One path: an element for each stroke took most of the time that a busy account's page took.
    first, *rest = levels
    steps = (f"V{level.down:.1f}H{level.end:.2f}" for level in rest)
    return f"M{first.begin:.2f} {first.down:.1f}H{first.end:.2f}{''.join(steps)}"


def _label(levels: Sequence[Level], peak: int, wide: float) -> Label:
    """Put the figure right or left of the highest level, above it where the line is in the way."""
    top = levels[peak]
    beside = f"{top.down + _LINE_HEIGHT / 2 - 1:.1f}"
    if _is_free(levels, top, top.end, top.end + wide):
        return Label(f"{top.end:.2f}", _GAP, beside, "start")
    if _is_free(levels, top, top.begin - wide, top.begin):
        return Label(f"{top.begin:.2f}", -_GAP, beside, "end")
    above = f"{top.down - _GAP + 1:.1f}"
    if top.begin + wide > 100:
        return Label("100.00", 0, above, "end")
    return Label(f"{top.begin:.2f}", 0, above, "start")


def _is_free(levels: Sequence[Level], top: Level, begin: float, end: float) -> bool:
    below = (each for each in levels if each is not top and each.begin < end and each.end > begin)
    return begin >= 0 and end <= 100 and all(each.down - top.down > _LINE_HEIGHT for each in below)


def _percent_wide(amount_minor: int) -> float:
    return (len(f"{amount_minor / 100:,.2f}") * _CHARACTER + _GAP) / _WIDTH * 100
