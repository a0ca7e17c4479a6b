"""What the outbox still has to bring about: seen by operators, and by who waits at a counter."""

import time
from dataclasses import dataclass

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from accounts import outbox
from accounts.models import Outbox


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Rows that are not published, and those that are and have no outcome.

    ``oldest_unpublished_s`` is None where nothing waits to be published, ``oldest_unhindered_s``
    where all that does is refused by Kafka, or waits behind a row of its account that is, and
    ``oldest_waiting_s`` where nothing waits for an outcome, published or not. ``refused`` counts
    the rows that Kafka would not take, and ``refusal`` says why it did not take the first of them.
    """

    unpublished: int = 0
    oldest_unpublished_s: int | None = None
    oldest_unhindered_s: int | None = None
    waiting: int = 0
    oldest_waiting_s: int | None = None
    published_without_outcome: int = 0
    refused: int = 0
    refusal: str = ""


def backlog() -> Backlog:
    """Give the figures of the outbox: it counts what waits, not what is done.

    One small query where nothing waits, as usually.
    """
    if not outbox.is_any_open():
        return Backlog()
    unpublished = Outbox.objects.filter(published_at_ms=None)
    refused = unpublished.filter(refusal__isnull=False)
    behind = refused.filter(topic=OuterRef("topic"), key=OuterRef("key"))
    first = refused.order_by("id").values_list("pk", "refusal").first()
    waiting = outbox.waiting().aggregate(
        number=Count("id"),
        published=Count("id", filter=Q(published_at_ms__isnull=False)),
        oldest=Min("queued_at_ms"),
    )
    return Backlog(
        unpublished=unpublished.count(),
        oldest_unpublished_s=_oldest_s(unpublished),
        oldest_unhindered_s=_oldest_s(unpublished.filter(~Exists(behind), refusal=None)),
        waiting=waiting["number"],
        oldest_waiting_s=_seconds_since(waiting["oldest"]),
        published_without_outcome=waiting["published"],
        refused=refused.count() if first else 0,
        refusal=f"row {first[0]}: {first[1]}" if first else "",
    )


def unpublished_before(row: Outbox) -> int:
    """Count the rows that are to be published before ``row``."""
    return Outbox.objects.filter(published_at_ms=None, pk__lt=row.pk).count()


def _oldest_s(rows: QuerySet[Outbox]) -> int | None:
    return _seconds_since(rows.order_by("id").values_list("queued_at_ms", flat=True).first())


def _seconds_since(moment_ms: int | None) -> int | None:
    if moment_ms is None:
        return None
    return max(0, time.time_ns() // 1_000_000 - moment_ms) // 1_000
