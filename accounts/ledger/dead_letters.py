"""What posting writes of dead letters: their rows, and a copy of each for their topic."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.backends.utils import CursorWrapper

from accounts.ledger.conclusions import Dead
from accounts.ledger.messages import Delivered
from accounts.ledger.sql import identifier_of
from accounts.ledger.tables import LIVE, LedgerTables
from accounts.models.submission import Outbox

_ADD_DEAD_LETTER = """
    INSERT INTO accounts_deadletter (
        log_id, partition, "offset", "key", value, reason, detail, transaction_id,
        logged_at_ms, concluded_at_ms, digest, link
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_BURIED = """
    SELECT "offset" FROM accounts_deadletter
    WHERE log_id = %s AND partition = %s AND "offset" BETWEEN %s AND %s
"""

# Below what the relay's producer and the dead-letter topic take, headers included.
LARGEST_COPY = 1_900_000
# Of the message's own.
MOST_HEADERS = 16_384
# What we say of a copy ourselves.
_OURS = frozenset({"omitted", "topic", "partition", "offset", "reason", "detail"})


def buried_among(
    cursor: CursorWrapper,
    log_id: int,
    messages: Iterable[Delivered],
    tables: LedgerTables = LIVE,
) -> set[tuple[int, int]]:
    """Give partition and offset of those of ``messages`` that are dead letters already."""
    spans: dict[int, tuple[int, int]] = {}
    for each in messages:
        first, _last = spans.get(each.partition, (each.offset, each.offset))
        spans[each.partition] = first, each.offset
    found: set[tuple[int, int]] = set()
    for partition, (first, last) in spans.items():
        cursor.execute(tables.sql(_BURIED), [log_id, partition, first, last])
        found.update((partition, offset) for (offset,) in cursor.fetchall())
    return found


def add_dead_letters(
    cursor: CursorWrapper,
    log_id: int,
    dead: Sequence[Dead],
    concluded_at_ms: int,
    tables: LedgerTables = LIVE,
) -> None:
    """Record ``dead`` with their bytes; a live one's copy is queued for the dead-letter topic."""
    if not dead:
        return
    cursor.executemany(
        tables.sql(_ADD_DEAD_LETTER), [_dead_row(each, log_id, concluded_at_ms) for each in dead]
    )
    if tables.are_live:
        Outbox.objects.bulk_create(_copy_of(each, concluded_at_ms) for each in dead)


def _dead_row(each: Dead, log_id: int, concluded_at_ms: int) -> tuple[Any, ...]:
    refused, message = each.refused, each.refused.message
    identifier = refused.transaction_id
    return (
        log_id,
        message.partition,
        message.offset,
        message.key,
        message.value,
        refused.reason,
        refused.detail,
        identifier_of()(identifier) if identifier else None,
        message.logged_at_ms,
        concluded_at_ms,
        refused.digest,
        each.link,
    )


def _copy_of(each: Dead, concluded_at_ms: int) -> Outbox:
    message = each.refused.message
    # Compressed, a message may be larger than any that we can publish; the row keeps all of it.
    is_too_large = len(message.value or b"") + len(message.key or b"") > LARGEST_COPY
    return Outbox(
        topic=settings.KAFKA_DEAD_LETTER_TOPIC,
        key=None if is_too_large else message.key,
        value=None if is_too_large else message.value,
        headers={
            **_headers_of(message),
            **({"omitted": "too large to copy"} if is_too_large else {}),
            "topic": settings.KAFKA_TOPIC,
            "partition": str(message.partition),
            "offset": str(message.offset),
            "reason": each.refused.reason,
            "detail": each.refused.detail,
        },
        queued_at_ms=concluded_at_ms,
    )


def _headers_of(message: Delivered) -> dict[str, str]:
    """Give the message's own headers, as text; none of them where they are too many."""
    if sum(len(name) + len(value or b"") for name, value in message.headers) > MOST_HEADERS:
        return {}
    return {
        name: (value or b"").decode("utf-8", errors="replace").replace("\0", "")
        for name, value in message.headers
        if name not in _OURS
    }
