"""The panel ``rejected``: how many were rejected and why, and the last of them."""

import msgspec

from accounts.models import Outcome
from accounts.selectors.live_rows import LiveRow, live_rows
from accounts.selectors.panels.asked import Asked
from accounts.selectors.panels.reading import Reading


class Because(msgspec.Struct, frozen=True):
    """How many were rejected for one reason."""

    reason: str
    count: int


class Rejected(msgspec.Struct, frozen=True):
    """Rejected transactions of the period by reason, the most frequent first; the last ones."""

    reasons: list[Because]
    count: int
    rows: list[LiveRow]


def rejected(reading: Reading, asked: Asked) -> Rejected:
    """Give what was rejected of what passes the filter; nothing where only posted ones do."""
    if reading.chosen.outcome == "posted":
        return Rejected([], 0, [])
    counted = reading.reasons()
    # No more are looked for than there are, or the search would go through the whole ledger.
    length = min(asked.rows(2, 5, 12), counted.total())
    entries = reading.entries.filter(outcome=Outcome.REJECTED)
    rows = live_rows(entries.order_by("-business_date", "-id")[:length]) if length else []
    by_count = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return Rejected([Because(*each) for each in by_count], counted.total(), rows)
