"""The outbox: what waits to be published, what was, and what is done."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.transaction import atomic

from accounts.models import DeadLetter, Entry, LogPosition, Outbox

# A submission without an outcome is published again after its partition moved past it by this.
REPUBLISH_AFTER_MS = 60_000


_RECORD = """
    UPDATE accounts_outbox
    SET published_at_ms = %s, log_id = %s, partition = %s, "offset" = %s,
        attempts = attempts + 1, is_done = (submission_id IS NULL)
    WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class Publication:
    """What the broker acknowledged of one row."""

    row_id: int
    log_id: int
    partition: int
    offset: int
    published_at_ms: int


def unpublished(*, besides: Collection[int], limit: int) -> list[Outbox]:
    """Give the first ``limit`` rows without an acknowledgement, in outbox order.

    ``besides`` are the rows on their way already. Late rows with small ids, which PostgreSQL
    can show, are among the answer, since it does not start behind a mark.
    """
    rows = Outbox.objects.filter(published_at_ms=None).order_by("id")[: limit + len(besides)]
    return [row for row in rows if row.pk not in besides][:limit]


def record_publications(publications: Sequence[Publication]) -> None:
    """Keep what the broker acknowledged. A copied dead letter is done with that."""
    rows = [
        (each.published_at_ms, each.log_id, each.partition, each.offset, each.row_id)
        for each in publications
    ]
    with atomic(), connection.cursor() as cursor:
        cursor.executemany(_RECORD, rows)


def close_concluded() -> int:
    """Mark the rows whose submission has an outcome as done; give their number."""
    concluded = open_rows().filter(_has_outcome())
    if not concluded.exists():
        return 0
    ids = list(concluded.values_list("pk", flat=True)[:5_000])
    # The broker may have lost the acknowledgement of what the ledger has concluded.
    published = Outbox.objects.filter(pk__in=ids, published_at_ms__isnull=False)
    return published.update(is_done=True)


def open_rows() -> "QuerySet[Outbox]":
    """Rows of submissions that are not known to be done."""
    return Outbox.objects.filter(is_done=False, submission__isnull=False)


def waiting() -> "QuerySet[Outbox]":
    """Rows of submissions that have no outcome yet, exact at this moment."""
    return open_rows().exclude(_has_outcome())


def publish_again_what_got_lost(log_id: int) -> int:
    """Queue once more what was acknowledged and yet got no outcome; give the number.

    That is: acknowledged by another log than the ledger's current one, or passed over by its
    own partition 60 s ago. The bytes are the same, so publishing too often does no harm.
    """
    passed = LogPosition.objects.filter(
        log=OuterRef("log_id"), partition=OuterRef("partition"), next_offset__gt=OuterRef("offset")
    )
    long_ago = time.time_ns() // 1_000_000 - REPUBLISH_AFTER_MS
    lost = (
        waiting()
        .filter(published_at_ms__isnull=False)
        .filter(~Q(log_id=log_id) | (Q(published_at_ms__lt=long_ago) & Exists(passed)))
    )
    ids = list(lost.values_list("pk", flat=True)[:5_000])
    return Outbox.objects.filter(pk__in=ids).update(published_at_ms=None) if ids else 0


def _has_outcome() -> Q:
    identifier = OuterRef("submission__transaction_id")
    return Q(Exists(Entry.objects.filter(transaction_id=identifier))) | Q(
        Exists(own_dead_letters(identifier, key=OuterRef("key"), value=OuterRef("value")))
    )


def own_dead_letters(identifier: Any, *, key: Any, value: Any) -> "QuerySet[DeadLetter]":
    """Dead letters of just those bytes: what others sent with the same id is no outcome of it."""
    return DeadLetter.objects.filter(transaction_id=identifier, key=key, value=value)
