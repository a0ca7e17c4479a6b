"""What the outbox still has to bring about: seen by operators, and by who waits at a counter."""

import time
from dataclasses import dataclass

from django.db.models import QuerySet

from accounts import outbox
from accounts.models import Outbox


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Rows that are not published, and those that are and have no outcome.

    ``oldest_unpublished_s`` is None where nothing waits to be published, ``oldest_waiting_s``
    where nothing waits for an outcome, published or not. ``refused`` counts the rows that Kafka
    would not take, and ``refusal`` says why it did not take the first of them.
    """

    unpublished: int
    oldest_unpublished_s: int | None
    oldest_waiting_s: int | None
    published_without_outcome: int
    refused: int
    refusal: str


def backlog() -> Backlog:
    """Give the figures of the outbox: it counts what waits, not what is done."""
    unpublished = Outbox.objects.filter(published_at_ms=None)
    refused = unpublished.filter(refusal__isnull=False)
    first = refused.order_by("id").values_list("pk", "refusal").first()
    return Backlog(
        unpublished=unpublished.count(),
        oldest_unpublished_s=_age_of_first(unpublished),
        oldest_waiting_s=_age_of_first(outbox.waiting()),
        published_without_outcome=outbox.waiting().filter(published_at_ms__isnull=False).count(),
        refused=refused.count() if first else 0,
        refusal=f"row {first[0]}: {first[1]}" if first else "",
    )


def unpublished_before(row: Outbox) -> int:
    """Count the rows that are to be published before ``row``."""
    return Outbox.objects.filter(published_at_ms=None, pk__lt=row.pk).count()


def _age_of_first(rows: "QuerySet[Outbox]") -> int | None:
    queued_at_ms = rows.order_by("id").values_list("queued_at_ms", flat=True).first()
    if queued_at_ms is None:
        return None
    return max(0, time.time_ns() // 1_000_000 - queued_at_ms) // 1_000
