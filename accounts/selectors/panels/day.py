"""The panel ``day``: what one day came to, beside the day before."""

from datetime import date, timedelta

import msgspec

from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading
from accounts.selectors.panels.rows import last_day
from accounts.selectors.periods import Period


class DaySums(msgspec.Struct, frozen=True):
    """The transactions of one business date."""

    day: date
    count: int
    deposits_minor: int
    withdrawals_minor: int

    @property
    def net_minor(self) -> int:
        """What came in beyond what went out."""
        return self.deposits_minor - self.withdrawals_minor


class TwoDays(msgspec.Struct, frozen=True):
    """A day and the one before it. The dates of the filter only choose the day."""

    day: DaySums
    before: DaySums


def two_days(reading: Reading, _asked: Asked) -> TwoDays:
    """Give the period's last day and the day before, whether or not the period has that."""
    day = last_day(reading)
    return TwoDays(_sums_of(reading, day), _sums_of(reading, day - timedelta(days=1)))


def _sums_of(reading: Reading, day: date) -> DaySums:
    sums = reading.whole_of(Period(day, day))
    return DaySums(day, sums.number, sums.deposits_minor, sums.withdrawals_minor)
