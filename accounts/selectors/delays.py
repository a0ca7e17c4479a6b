"""What waits longer than usual: for Kafka to take it, or for the ledger to conclude it."""

import time

import msgspec
from django.db.models import Count, Min, Q

from accounts.outbox import is_any_open, open_rows, waiting
from accounts.selectors.submissions import LATE_AFTER_MS


class Delayed(msgspec.Struct, frozen=True):
    """How many submissions wait, and the instant since which the first of them does."""

    number: int
    since_ms: int


class Delays(msgspec.Struct, frozen=True):
    """What waits longer than usual, of the whole bank: None where nothing does.

    ``kafka`` is what Kafka has not acknowledged, counted since it was submitted; ``ledger`` what
    it has acknowledged and the ledger has not concluded, since the acknowledgement. Neither
    says why.
    """

    kafka: Delayed | None
    ledger: Delayed | None

    @property
    def are_any(self) -> bool:
        """Tell whether anything waits longer than usual."""
        return self.kafka is not None or self.ledger is not None


def delays() -> Delays:
    """Give what waits longer than usual.

    Cheap where nothing does, as usually: a query that finds no open row of the outbox, or none
    so old.
    """
    if not is_any_open():
        return Delays(None, None)
    late_ms = time.time_ns() // 1_000_000 - LATE_AFTER_MS
    unpublished = Q(published_at_ms=None, queued_at_ms__lt=late_ms)
    published = Q(published_at_ms__lt=late_ms)
    late = unpublished | published
    if not open_rows().filter(late).exists():
        return Delays(None, None)
    # Not all that is open waits: the relay, which closes rows, may be the one that is away.
    found = (
        waiting()
        .filter(late)
        .aggregate(
            kafka=Count("id", filter=unpublished),
            kafka_since_ms=Min("queued_at_ms", filter=unpublished),
            ledger=Count("id", filter=published),
            ledger_since_ms=Min("published_at_ms", filter=published),
        )
    )
    return Delays(
        _delayed(found["kafka"], found["kafka_since_ms"]),
        _delayed(found["ledger"], found["ledger_since_ms"]),
    )


def _delayed(number: int, since_ms: int | None) -> Delayed | None:
    return None if since_ms is None else Delayed(number, since_ms)
