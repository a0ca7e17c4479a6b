"""The panels of the last hour: ``rate``, posted a minute, and ``delay``, from click to posted."""

import time
from typing import Any, Final

import msgspec
from django.db.models import Count, F, IntegerField, QuerySet
from django.db.models.functions import Cast

from accounts.events import PORTAL_SOURCE
from accounts.models import Entry
from accounts.selectors.blocks import Column, all_below
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading
from accounts.selectors.posting_times import (
    SUBMISSIONS_LOOKED_AT,
    PostingTimes,
    times_of,
)

MINUTE_MS: Final = 60_000
MINUTES: Final = 60
DELAY_SPAN_MS: Final = 5 * MINUTE_MS


class Rate(msgspec.Struct, frozen=True):
    """Transactions posted in each of the last 60 minutes; the last minute goes on."""

    begin_ms: int
    counts: list[int]

    @property
    def total(self) -> int:
        """All of the hour."""
        return sum(self.counts)


class DelaySpan(msgspec.Struct, frozen=True):
    """The delays of what was submitted in five minutes; None where nothing was."""

    begin_ms: int
    number: int
    times: PostingTimes | None


class DelayCourse(msgspec.Struct, frozen=True):
    """The delays of the last hour and their course. ``is_cut``: only the last of very many."""

    times: PostingTimes | None
    number: int
    is_cut: bool
    spans: list[DelaySpan]


def rate(reading: Reading, _asked: Asked) -> Rate:
    """Count what was posted, by the minute of its posting and whatever its business date.

    As of a past moment it is the time of the log that counts, as for all that was known then.
    """
    as_of = reading.chosen.as_of
    minute = (_now_ms() if as_of is None else as_of) // MINUTE_MS
    begin = minute - MINUTES + 1
    if as_of is None:
        moment: Column = "posted_at_ms"
    else:
        moment = "logged_at_ms"
    after = all_below(moment, begin * MINUTE_MS)
    entries = _of_all_dates(reading).filter(
        id__gt=after, outcome=reading.outcome, **{f"{moment}__gte": begin * MINUTE_MS}
    )
    by_minute = Cast(F(moment) / MINUTE_MS, IntegerField())
    rows: Any = entries.values_list(by_minute).annotate(Count("id")).order_by()
    counted = dict(rows)
    return Rate(begin * MINUTE_MS, [counted.get(begin + n, 0) for n in range(MINUTES)])


def delay(reading: Reading, _asked: Asked) -> DelayCourse:
    """Give the delays of what was submitted through the portal and passes the filter."""
    as_of = reading.chosen.as_of
    found = reading.recent_delays if as_of is None else _delays_before(reading, as_of)
    end = ((_now_ms() if as_of is None else as_of) // DELAY_SPAN_MS + 1) * DELAY_SPAN_MS
    begins = range(end - MINUTES * MINUTE_MS, end, DELAY_SPAN_MS)
    spans = {
        begin: [took for at, took in found if begin <= at < begin + DELAY_SPAN_MS]
        for begin in begins
    }
    return DelayCourse(
        times=times_of(took for _at, took in found),
        number=len(found),
        is_cut=len(found) >= SUBMISSIONS_LOOKED_AT,
        spans=[DelaySpan(begin, len(each), times_of(each)) for begin, each in spans.items()],
    )


def _delays_before(reading: Reading, as_of: int) -> list[tuple[int, int]]:
    """Give the delays of the last hour before a moment, of at most so many submissions."""
    begin = as_of - MINUTES * MINUTE_MS
    entries = _of_all_dates(reading).filter(
        id__gt=all_below("logged_at_ms", begin), source=PORTAL_SOURCE, submitted_at_ms__gt=begin
    )
    took = F("posted_at_ms") - F("submitted_at_ms")
    last = entries.order_by("-id").values_list("submitted_at_ms", took)
    return list(last[:SUBMISSIONS_LOOKED_AT])


def _of_all_dates(reading: Reading) -> QuerySet[Entry]:
    entries, chosen = reading.entries_of_all_dates, reading.chosen
    return entries.filter(kind__in=chosen.kinds) if chosen.all_entries else entries


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
