"""The panels that list transactions: ``live``, ``period`` and ``largest``."""

from datetime import date
from typing import Final

import msgspec

from accounts.models import Outcome
from accounts.selectors.few_among_many import NEWEST, few_among_many
from accounts.selectors.first_rows import first_rows
from accounts.selectors.live_rows import LiveRow, live_rows
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading

_LOOKED_AT: Final = 200


class Newest(msgspec.Struct, frozen=True):
    """What the ledger concluded last, the latest first. The feed brings what comes after."""

    rows: list[LiveRow]


class OfPeriod(msgspec.Struct, frozen=True):
    """Some rows, the last of the period unless asked otherwise; how many there are to be summed."""

    rows: list[LiveRow]
    count: int
    is_of_rejected: bool

    @property
    def summed(self) -> int:
        """How many of the rows are among those that are summed."""
        outcome = "rejected" if self.is_of_rejected else "posted"
        return sum(row.outcome == outcome for row in self.rows)


class Largest(msgspec.Struct, frozen=True):
    """The largest transactions of one business date, the largest first."""

    day: date
    rows: list[LiveRow]


def live(reading: Reading, asked: Asked) -> Newest:
    """Give the newest rows that pass the filter."""
    entries, length = reading.entries, asked.rows(5, 12, 20)
    # Almost always they are among the newest of all dates. Asked for at once, the database
    # would rather find all rows of the period and put them in order.
    last = reading.entries_of_all_dates.filter(id__gt=reading.position.entry_id - NEWEST)
    looked_at = last.order_by("-id").values("id")[:_LOOKED_AT]
    found = live_rows(entries.filter(id__in=looked_at).order_by("-id")[:length])
    if len(found) < length:
        sought = few_among_many(entries, reading.chosen, seen_by=reading.agent, length=length)
        found = live_rows(sought.order_by("-id")[:length])
    return Newest(found)


def period(reading: Reading, asked: Asked) -> OfPeriod:
    """Give the first rows that pass the filter, in the order that is asked for."""
    length = asked.rows(8, 20, 40)
    entries = few_among_many(reading.entries, reading.chosen, seen_by=reading.agent, length=length)
    ordered = first_rows(entries, reading.chosen, asked.sort, length)
    return OfPeriod(
        rows=live_rows(ordered[:length]),
        count=reading.whole.number,
        is_of_rejected=reading.chosen.outcome == "rejected",
    )


def largest(reading: Reading, asked: Asked) -> Largest:
    """Give the largest of the period's last day: posted ones, unless rejected ones are chosen."""
    day = last_day(reading)
    entries = reading.entries.filter(business_date=day)
    if not reading.chosen.outcome:
        entries = entries.filter(outcome=Outcome.POSTED)
    ordered = entries.order_by("-amount_minor", "-id")
    return Largest(day, live_rows(ordered[: asked.rows(4, 8, 14)]))


def last_day(reading: Reading) -> date:
    """Give the day that the panels of a day show: the period's last, and no later than today."""
    today = reading.chosen.today
    return min(reading.period.last or today, today)
