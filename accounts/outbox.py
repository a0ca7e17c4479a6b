"""The outbox: what waits to be published, what was, and what is done."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.transaction import atomic

from accounts.database_troubles import streamed
from accounts.models import DeadLetter, DeadLetterDecision, Entry, LogPosition, Outbox
from accounts.models.submission import REFUSAL_LENGTH

# A submission without an outcome is published again after its partition moved past it by this.
REPUBLISH_AFTER_MS = 60_000
# What may be read at once.
MOST_BYTES = 32 * 1024 * 1024

_AT_A_TIME = 5_000
# So few rows that even the largest are no burden.
_GLANCE = 8
_FIRST = """
    SELECT * FROM accounts_outbox WHERE published_at_ms IS NULL ORDER BY id LIMIT %s
"""
_OPEN = "SELECT EXISTS (SELECT 1 FROM accounts_outbox WHERE NOT is_done)"
_RECORD = """
    UPDATE accounts_outbox
    SET published_at_ms = %s, log_id = %s, partition = %s, "offset" = %s,
        attempts = attempts + 1, refusal = NULL,
        is_done = submission_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM accounts_deadletterdecision WHERE outbox_id = accounts_outbox.id
        )
    WHERE id = %s
"""


class Place(NamedTuple):
    """What is published in order: a topic's messages of one key.

    A row without a key has no order and is a place by itself, named by its id. ``key`` None
    stands for all of the topic.
    """

    topic: str
    key: bytes | int | None


@dataclass(frozen=True, slots=True)
class Publication:
    """What the broker acknowledged of one row."""

    row_id: int
    log_id: int
    partition: int
    offset: int
    published_at_ms: int


def is_any_open() -> bool:
    """Tell whether there is a row that is not done. Usually none is, and every page asks."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        return bool(cursor.fetchone()[0])


def place_of(row: Outbox) -> Place:
    """Give what ``row`` is to be published in order with."""
    return Place(row.topic, row.pk if row.key is None else bytes(row.key))


def unpublished(
    *,
    besides: Collection[int],
    but_not: Iterable[Place] = (),
    limit: int,
    most_bytes: int = MOST_BYTES,
) -> list[Outbox]:
    """Give the first rows without an acknowledgement, in outbox order.

    At most ``limit`` of them, and no more once their values come to ``most_bytes``.
    ``besides`` are the rows on their way already, ``but_not`` the places that have to wait.
    Late rows with small ids, which PostgreSQL can show, are among the answer, since it does
    not start behind a mark.
    """
    places = list(but_not)
    found: list[Outbox] = []
    for row in _glance(limit) if not (besides or places) else _all_but(besides, places, limit):
        found.append(row)
        most_bytes -= len(row.value or b"")
        if most_bytes <= 0:
            break
    return found


def _glance(limit: int) -> Iterable[Outbox]:
    """Give the first rows, which are all there are while agents work.

    Django takes longer to ask for rows but some than the database does.
    """
    first = list(Outbox.objects.raw(_FIRST, [min(limit, _GLANCE)]))
    return first if len(first) < _GLANCE else _all_but((), (), limit)


def _all_but(besides: Collection[int], places: Iterable[Place], limit: int) -> Iterable[Outbox]:
    rows = _without_acknowledgement().exclude(pk__in=list(besides)).exclude(_in(places))
    return streamed(rows[:limit], chunk_size=100)


def first_unpublished(place: Place) -> Outbox | None:
    """Give the row that is to be published first in ``place``."""
    return _without_acknowledgement().filter(_in([place])).first()


def record_refusal(row_id: int, reason: str) -> None:
    """Keep why Kafka refused a row, until it takes it."""
    Outbox.objects.filter(pk=row_id, published_at_ms=None).update(refusal=reason[:REFUSAL_LENGTH])


def _without_acknowledgement() -> "QuerySet[Outbox]":
    return Outbox.objects.filter(published_at_ms=None).order_by("id")


def _in(places: Iterable[Place]) -> Q:
    topics: set[str] = set()
    ids: list[int] = []
    keys: dict[str, list[bytes]] = {}
    for topic, key in places:
        if key is None:
            topics.add(topic)
        elif isinstance(key, int):
            ids.append(key)
        else:
            keys.setdefault(topic, []).append(key)
    # Not a disjunction of nothing, which Django takes for everything.
    found = Q(pk__in=ids) | Q(topic__in=topics)
    for topic, of_topic in keys.items():
        found |= Q(topic=topic, key__in=of_topic)
    return found


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
    ids = list(concluded.values_list("pk", flat=True)[:_AT_A_TIME])
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
    own partition 60 s ago. The bytes are the same, so publishing too often does no harm. The
    first 5,000 in outbox order: call again, before publishing anything, until it gives 0.
    """
    passed = LogPosition.objects.filter(
        log=OuterRef("log_id"), partition=OuterRef("partition"), next_offset__gt=OuterRef("offset")
    )
    now_ms = time.time_ns() // 1_000_000
    # A clock that was ahead has left times that are still to come.
    long_ago = Q(published_at_ms__lt=now_ms - REPUBLISH_AFTER_MS) | Q(
        published_at_ms__gt=now_ms + REPUBLISH_AFTER_MS
    )
    lost = (
        waiting()
        .filter(published_at_ms__isnull=False)
        .filter(~Q(log_id=log_id) | (long_ago & Exists(passed)))
        .order_by("id")
    )
    ids = list(lost.values_list("pk", flat=True)[:_AT_A_TIME])
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
