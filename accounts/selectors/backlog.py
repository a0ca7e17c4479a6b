"""What the outbox still has to bring about: seen by operators, and by who waits at a counter."""

import time
from dataclasses import dataclass

from accounts import outbox
from accounts.models import Outbox


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Rows that are not published, and those that are and have no outcome.

    ``oldest_unpublished_s`` is None where nothing waits. ``refused`` counts the rows that Kafka
    would not take, and ``refusal`` says why it did not take the first of them.
    """

    unpublished: int
    oldest_unpublished_s: int | None
    published_without_outcome: int
    refused: int
    refusal: str


def backlog() -> Backlog:
    """Give the figures of the outbox: it counts what waits, not what is done."""
    waiting = Outbox.objects.filter(published_at_ms=None)
    oldest = waiting.order_by("id").values_list("queued_at_ms", flat=True).first()
    refused = waiting.filter(refusal__isnull=False)
    first = refused.order_by("id").values_list("pk", "refusal").first()
    return Backlog(
        unpublished=waiting.count(),
        oldest_unpublished_s=None if oldest is None else _seconds_since(oldest),
        published_without_outcome=outbox.waiting().filter(published_at_ms__isnull=False).count(),
        refused=refused.count() if first else 0,
        refusal=f"row {first[0]}: {first[1]}" if first else "",
    )


def unpublished_before(row: Outbox) -> int:
    """Count the rows that are to be published before ``row``."""
    return Outbox.objects.filter(published_at_ms=None, pk__lt=row.pk).count()


def _seconds_since(moment_ms: int) -> int:
    return max(0, time.time_ns() // 1_000_000 - moment_ms) // 1_000
