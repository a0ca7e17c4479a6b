"""The panels that list transactions: ``live`` and ``period``."""

from typing import Final

import msgspec

from accounts.selectors.live_rows import LiveRow, live_rows
from accounts.selectors.panels.reading import Reading, plain_sum

NEWEST_SHOWN: Final = 12
ROWS_OF_PERIOD: Final = 20


class Newest(msgspec.Struct, frozen=True):
    """What the ledger concluded last, the latest first. The feed brings what comes after."""

    rows: list[LiveRow]


class OfPeriod(msgspec.Struct, frozen=True):
    """The last rows by business date and ledger order, and how many transactions are summed."""

    rows: list[LiveRow]
    count: int

    @property
    def posted(self) -> int:
        """How many of the rows moved money."""
        return sum(row.outcome == "posted" for row in self.rows)


def live(reading: Reading) -> Newest:
    """Give the newest rows that pass the filter."""
    entries = reading.chosen.entries(reading.agent)
    return Newest(live_rows(entries.order_by("-id")[:NEWEST_SHOWN]))


def period(reading: Reading) -> OfPeriod:
    """Give the rows that pass the filter, from its last business date back."""
    entries = reading.chosen.entries(reading.agent).order_by("-business_date", "-id")
    count = reading.movements.aggregate(number=plain_sum("count"))["number"]
    return OfPeriod(live_rows(entries[:ROWS_OF_PERIOD]), count)
