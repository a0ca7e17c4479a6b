"""Draws the small line of an account's balance: geometry only, the template has the strokes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from accounts.selectors.recent_balance import DAYS, BalancePoint

# The figure of the highest point stands above it.
_TOP, _BOTTOM = 16.0, 49.0


@dataclass(frozen=True)
class Line:
    """A stroke: across in percent of the width, down in pixels."""

    x1: str
    x2: str
    y1: str
    y2: str


@dataclass(frozen=True)
class Sparkline:
    """A line with the figures that its description names."""

    lines: Sequence[Line]
    first_day: date
    last_day: date
    start_minor: int
    peak_minor: int
    peak_day: date
    peak_x: str
    is_peak_late: bool
    end_minor: int
    end_y: str

    @classmethod
    def of(cls, points: Sequence[BalancePoint], *, today: date) -> Self | None:
        """Give the line through ``points``, or None where there are too few to show one."""
        if len(points) < 2:
            return None
        first_day = today - timedelta(days=DAYS - 1)
        across = _across(points, first_day)
        down = _scale([points[0].before_minor, *(point.balance_minor for point in points)])
        peak = max(range(len(points)), key=lambda i: points[i].balance_minor)
        return cls(
            lines=_steps(points, across, down),
            first_day=first_day,
            last_day=today,
            start_minor=points[0].before_minor,
            peak_minor=points[peak].balance_minor,
            peak_day=points[peak].business_date,
            peak_x=f"{across[peak]:.2f}",
            is_peak_late=across[peak] > 70,
            end_minor=points[-1].balance_minor,
            end_y=f"{down[-1]:.1f}",
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


def _scale(balances: Sequence[int]) -> list[float]:
    least, most = min(balances), max(balances)
    height = (most - least) or 1
    return [_BOTTOM - (balance - least) / height * (_BOTTOM - _TOP) for balance in balances]


def _steps(
    points: Sequence[BalancePoint], across: Sequence[float], down: Sequence[float]
) -> list[Line]:
    corners = [0.0, *across, 100.0]
    lines = []
    for i, level in enumerate(down):
        lines.append(_line(corners[i], corners[i + 1], level, level))
        if i < len(points):
            lines.append(_line(corners[i + 1], corners[i + 1], level, down[i + 1]))
    return lines


def _line(x1: float, x2: float, y1: float, y2: float) -> Line:
    return Line(f"{x1:.2f}", f"{x2:.2f}", f"{y1:.1f}", f"{y2:.1f}")
