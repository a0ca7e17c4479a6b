"""Spans of business dates, by name or by two dates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Self

from django.utils import timezone

from accounts.bounds import EARLIEST_DATE, LATEST_DATE

DAYS_BY_NAME: Final[Mapping[str, int]] = {"today": 1, "7d": 7, "30d": 30}
ALL: Final = "all"
DATES: Final = "dates"
MONTH: Final = "month"
PERIOD_NAMES: Final = (*DAYS_BY_NAME, MONTH, ALL, DATES)


@dataclass(frozen=True, slots=True)
class Period:
    """Business dates from ``first`` to ``last``, both included; None is open to that side."""

    first: date | None = None
    last: date | None = None

    @classmethod
    def named(
        cls,
        name: str,
        first: date | None = None,
        last: date | None = None,
        *,
        today: date | None = None,
    ) -> Self:
        """Give the period of that name as of today; the dates belong to the name ``dates``."""
        today = today or timezone.localdate()
        if name in DAYS_BY_NAME:
            return cls(today - timedelta(days=DAYS_BY_NAME[name] - 1), today)
        if name == MONTH:
            return cls(today.replace(day=1), today)
        return cls(_within(first), _within(last)) if name == DATES else cls()

    def has(self, day: date) -> bool:
        """Tell whether ``day`` is in it."""
        return (self.first or day) <= day <= (self.last or day)

    def lookups(self, field: str) -> dict[str, date]:
        """Give the keyword arguments for a queryset's ``filter`` on ``field``."""
        ends = {f"{field}__gte": self.first, f"{field}__lte": self.last}
        return {lookup: day for lookup, day in ends.items() if day is not None}


def _within(day: date | None) -> date | None:
    """Give the nearest date that an entry can have, so that a day more or less is a date too."""
    return None if day is None else min(max(day, EARLIEST_DATE), LATEST_DATE)


def beginning_of(day: date) -> int:
    """Give the instant at which ``day`` begins in the portal's time zone."""
    begin = datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())
    return int(begin.timestamp() * 1000)
