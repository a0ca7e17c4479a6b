"""Refuses a log that is not the ledger's, that forgets, or that lacks what the ledger has read."""

import time
from collections.abc import Mapping

from django.conf import settings

from accounts.ledger.identity import (
    LogReplaced,
    OtherLog,
    Position,
    current_log,
    identity_of,
    incomplete_log,
    positions_of,
    recognise_log,
    refuse_other_log,
)
from accounts.ledger.messages import LogIdentity, digest_of
from accounts.models import Log
from streaming.endpoint import Endpoint
from streaming.kafka.admin import KafkaUnusable, LogDescription, describe_log
from streaming.kafka.log_reader import LogReader
from streaming.kafka.reader import SHORT_FOR_S, LogIncomplete, ReadFailed
from streaming.stopping import DeliberateStop

LOOK_EVERY_S = 5.0
# A look must not hold up who works with a broker that answers everything but this.
ANSWER_WITHIN_S = 1.0


class LogShort(KafkaUnusable):
    """The log ends before what the ledger has read; a new leader may have more in a moment."""


class LogGuard:
    """Watches over one log at one endpoint: at the start, and then from time to time.

    Each look raises ``DeliberateStop`` with the ways on where going on would be wrong.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._known: Log | None = None
        self._looked_at = 0.0
        self._short_since: float | None = None

    def admit(self, timeout: float = 5.0) -> tuple[Log, LogDescription]:
        """Give the ledger's log, begun where there is none yet, and how Kafka describes it.

        Raises ``KafkaUnusable`` where Kafka cannot say so now, and ``LogShort`` while a log
        that is too short may still turn out not to be.
        """
        known = current_log()
        before = _positions(known)
        described = describe_log(self.endpoint, settings.KAFKA_TOPIC, timeout)
        refuse_forgetful(self.endpoint, described)
        try:
            self._known = recognise_log(identity_seen(self.endpoint, described))
        except OtherLog as reason:
            raise DeliberateStop(str(reason)) from reason
        if self._known == known:
            self._refuse_incomplete(described, before)
        self._looked_at = time.monotonic()
        return self._known, described

    def refuse_other_messages(self, timeout: float = 5.0) -> None:
        """Refuse a log whose messages are others than the ledger has read, by the last ones.

        Ids, offsets and leader epochs agree in a log that was restored from an older copy and
        has grown since.
        """
        read = {n: at for n, at in _positions(self._known).items() if at.last_digest is not None}
        with LogReader(self.endpoint, settings.KAFKA_TOPIC, patience_s=timeout) as reader:
            for number, at in read.items():
                _compare(reader, number, at)

    def look(self) -> None:
        """Look again, when it is time to. Kafka being away is no reason to stop.

        Raises ``LogReplaced`` where the ledger follows another log by now.
        """
        if self._known is None or time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        if current_log() != self._known:
            raise LogReplaced("The ledger follows another log now.")
        before = _positions(self._known)
        try:
            described = describe_log(self.endpoint, settings.KAFKA_TOPIC, ANSWER_WITHIN_S)
            refuse_forgetful(self.endpoint, described)
            refuse_other_log(identity_of(self._known), identity_seen(self.endpoint, described))
            self._refuse_incomplete(described, before)
        except OtherLog as reason:
            raise DeliberateStop(str(reason)) from reason
        except KafkaUnusable:
            pass
        self._looked_at = time.monotonic()

    def _refuse_incomplete(
        self, described: LogDescription, positions: Mapping[int, Position]
    ) -> None:
        """Compare with ``positions`` of before the description: both only grow."""
        short = ""
        for each in described.partitions:
            place = f"partition {each.partition} holds offsets from {each.low} up to {each.high}"
            at = positions.get(each.partition)
            if at is not None and each.low > at.next_offset:
                raise _incomplete(f"{place}, and {at.next_offset} has to be read next")
            if at is not None and each.high < at.next_offset:
                short = f"{place}, and {at.next_offset - 1} was read"
        now = time.monotonic()
        self._short_since = (self._short_since or now) if short else None
        if self._short_since and now - self._short_since > SHORT_FOR_S:
            raise _incomplete(short)
        if short:
            raise LogShort(f"the log is shorter than the ledger: {short}.")


def _compare(reader: LogReader, number: int, at: Position) -> None:
    offset = at.next_offset - 1
    place = f"partition {number}: at offset {offset}, the last one read,"
    try:
        found = next(reader.messages(number, offset, offset + 1), None)
    except LogIncomplete:
        raise _incomplete(f"{place} is nothing now") from None
    except ReadFailed:
        # Such as a damaged batch: whoever reads the partition says so.
        return
    if found is None or digest_of(found.key, found.value) != at.last_digest:
        raise _incomplete(f"{place} is another message now")


def identity_seen(endpoint: Endpoint, described: LogDescription) -> LogIdentity:
    """Give the identity of a log as Kafka describes it."""
    return LogIdentity(
        cluster_id=described.cluster_id,
        topic=described.topic,
        topic_id=described.topic_id,
        partition_count=described.partition_count,
        is_memory=endpoint.mode == "memory",
    )


def refuse_forgetful(endpoint: Endpoint, described: LogDescription) -> None:
    """Raise ``DeliberateStop`` for a topic whose settings would not keep the record."""
    if endpoint.mode == "memory":
        return
    wanted = (
        ("retention.ms", described.retention_ms, -1),
        ("retention.bytes", described.retention_bytes, -1),
        ("cleanup.policy", described.cleanup_policy, "delete"),
        ("message.timestamp.type", described.timestamp_type, "LogAppendTime"),
    )
    wrong = [f"{name} is {found}, not {right}" for name, found, right in wanted if found != right]
    if wrong:
        raise DeliberateStop(
            f"Topic {described.topic} would not keep the record: {', '.join(wrong)}. "
            "Put it right with: manage.py create_topics."
        )


def _positions(log: Log | None) -> dict[int, Position]:
    return positions_of(log, range(log.partition_count)) if log else {}


def _incomplete(what: str) -> DeliberateStop:
    return DeliberateStop(incomplete_log(f"{settings.KAFKA_TOPIC} {what}"))
