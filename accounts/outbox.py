"""The outbox: what waits to be published, what was, and what is done."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.transaction import atomic

from accounts.models import DeadLetter, DeadLetterDecision, Entry, LogPosition, Outbox

# A submission without an outcome is published again after its partition moved past it by this.
REPUBLISH_AFTER_MS = 60_000

_RECORD = """
    UPDATE accounts_outbox
    SET published_at_ms = %s, log_id = %s, partition = %s, "offset" = %s,
        attempts = attempts + 1,
        is_done = submission_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM accounts_deadletterdecision WHERE outbox_id = accounts_outbox.id
        )
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
    """Mark the rows that have an outcome as done; give their number."""
    concluded = open_rows().filter(_has_outcome())
    if not concluded.exists():
        return 0
    ids = list(concluded.values_list("pk", flat=True)[:5_000])
    # The broker may have lost the acknowledgement of what the ledger has concluded.
    published = Outbox.objects.filter(pk__in=ids, published_at_ms__isnull=False)
    return published.update(is_done=True)


def open_rows() -> "QuerySet[Outbox]":
    """Rows of submissions and of redriven dead letters that are not known to be done."""
    return _rows_that_need_an_outcome().filter(is_done=False)


def done_without_outcome() -> "QuerySet[Outbox]":
    """Rows that are marked as done and have no outcome. There are none, unless by tampering."""
    return _rows_that_need_an_outcome().filter(is_done=True).exclude(_has_outcome())


def waiting() -> "QuerySet[Outbox]":
    """Rows of submissions and of redriven dead letters without an outcome, exact at this moment."""
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


def _rows_that_need_an_outcome() -> "QuerySet[Outbox]":
    redrives = DeadLetterDecision.objects.filter(outbox=OuterRef("pk"))
    return Outbox.objects.filter(Q(submission__isnull=False) | Exists(redrives))


def _has_outcome() -> Q:
    """Say of a row whether its transaction is concluded, or its own message is dead.

    A submission's own is one of just its bytes: what others sent with the same id is no outcome
    of it. The one that redrives a dead letter has the bytes of that, so its own is the one at the
    place that the broker named.
    """
    own = Entry.objects.filter(transaction_id=OuterRef("submission__transaction_id"))
    redriven = Entry.objects.filter(transaction_id=Subquery(_redriven_id()))
    dead = DeadLetter.objects.filter(
        transaction_id=OuterRef("submission__transaction_id"),
        key=OuterRef("key"),
        value=OuterRef("value"),
    )
    return Q(Exists(own)) | Q(Exists(redriven)) | Q(Exists(dead)) | Q(Exists(_letter_there()))


def _redriven_id() -> "QuerySet[DeadLetterDecision, Any]":
    decision = DeadLetterDecision.objects.filter(outbox=OuterRef(OuterRef("pk")))
    return decision.values(found=Subquery(_letter_there().values("transaction_id")[:1]))


def _letter_there() -> "QuerySet[DeadLetter]":
    """Give the dead letter at the log, partition and offset of the row around it."""
    return DeadLetter.objects.filter(
        log=OuterRef("log"), partition=OuterRef("partition"), offset=OuterRef("offset")
    )
