"""Which log the ledger was concluded from, and how far (law 7)."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from django.db import IntegrityError
from django.db.transaction import atomic

from accounts.ledger.messages import NO_LINK, LogIdentity
from accounts.models.log import Log, LogPosition

# What can be done about it, in the words of each message; docs/other-log.md has the steps.
WAYS_ON = (
    "Bring that log back; or go on with the one that is there, with: manage.py adopt_log "
    '--reason "..."; or set DATA_DIR (or DATABASE_URL) to another place for this one. '
    "See docs/other-log.md."
)


class OtherLog(Exception):
    """The log in front of us is not the one that the ledger was concluded from."""


class LogReplaced(Exception):
    """The ledger follows another log by now than the one at hand."""


def incomplete_log(what: str) -> str:
    """Say that the log lacks something, and the ways on."""
    return (
        f"The log lacks what the ledger has read, or has to read next ({what}). Nothing was "
        f"skipped. {WAYS_ON}"
    )


class Position(NamedTuple):
    """How far the ledger has read a partition, and how to tell that it still is that log.

    ``last_digest`` is of the message before ``next_offset``; None where we know of none.
    """

    next_offset: int
    leader_epoch: int
    last_digest: bytes | None


def identity_of(log: Log) -> LogIdentity:
    """Give the identity that ``log`` records."""
    return LogIdentity(log.cluster_id, log.topic, log.topic_id, log.partition_count, log.is_memory)


def current_log() -> Log | None:
    """Give the log that the ledger follows, or None before the first consumer."""
    return Log.objects.filter(is_current=True).first()


def recognise_log(seen: LogIdentity) -> Log:
    """Give the ledger's log, where ``seen`` is that log; begin with it where there is none.

    Memory mode has another log at each start, so a ledger that knows nothing but memory mode
    takes it as the next one. Raises ``OtherLog``, with what differs, in every other case.
    """
    try:
        return _recognised(seen)
    except IntegrityError:
        # Another process began with a log in the same moment.
        return _recognised(seen)


def _recognised(seen: LogIdentity) -> Log:
    with atomic():
        known = current_log()
        if known is None:
            return _follow(seen, reason="first start")
        if known.is_memory and seen.is_memory and identity_of(known) != seen:
            Log.objects.filter(pk=known.pk).update(is_current=False)
            return _follow(seen, reason="memory mode began a new log")
        refuse_other_log(identity_of(known), seen)
        return known


def refuse_other_log(known: LogIdentity, seen: LogIdentity) -> None:
    """Raise ``OtherLog``, with what differs and the ways on, unless both are the same."""
    if known != seen:
        raise OtherLog(_difference(known, seen))


def differences_of(known: LogIdentity, seen: LogIdentity) -> list[str]:
    """Say in what ``seen`` is another log than ``known``."""
    parts = (
        ("cluster", known.cluster_id, seen.cluster_id),
        ("topic", known.topic, seen.topic),
        ("topic id", known.topic_id, seen.topic_id),
        ("partitions", known.partition_count, seen.partition_count),
    )
    return [f"{name} {was} is now {now}" for name, was, now in parts if was != now]


def positions_of(log: Log, partitions: Iterable[int]) -> dict[int, Position]:
    """Give the ledger's position in each of ``partitions`` that it knows."""
    rows = LogPosition.objects.filter(log=log, partition__in=list(partitions))
    return {row.partition: _position_of(row) for row in rows}


def _position_of(row: LogPosition) -> Position:
    # Somebody may have set the next offset back, to have everything read again as repeats.
    is_known = row.last_offset == row.next_offset - 1
    digest = bytes(row.last_digest) if is_known and row.last_digest is not None else None
    return Position(row.next_offset, row.leader_epoch, digest)


def _follow(seen: LogIdentity, *, reason: str) -> Log:
    log = Log.objects.create(
        cluster_id=seen.cluster_id,
        topic=seen.topic,
        topic_id=seen.topic_id,
        partition_count=seen.partition_count,
        is_memory=seen.is_memory,
        adopted_at_ms=time.time_ns() // 1_000_000,
        reason=reason,
        is_current=True,
    )
    LogPosition.objects.bulk_create(
        LogPosition(log=log, partition=number, link=NO_LINK)
        for number in range(seen.partition_count)
    )
    return log


def _difference(known: LogIdentity, seen: LogIdentity) -> str:
    if known.is_memory != seen.is_memory:
        before, now = ("memory mode", "a real Kafka")[:: 1 if known.is_memory else -1]
        return (
            f"This database was filled from {before}, and {now} is running. "
            "Set DATA_DIR (or DATABASE_URL) to another place for it."
        )
    differing = ", ".join(differences_of(known, seen))
    return f"The ledger was concluded from another log: {differing}. {WAYS_ON}"
