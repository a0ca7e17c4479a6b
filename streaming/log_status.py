"""How far the ledger is behind its log, and which Kafka holds it."""

from dataclasses import dataclass

from django.conf import settings

from accounts.ledger.identity import current_log
from accounts.models import Log
from accounts.selectors.status import next_offsets
from streaming.endpoint import Endpoint, Mode, NoKafkaRunning, required_endpoint
from streaming.kafka.admin import (
    KafkaUnusable,
    LogDescription,
    PartitionDescription,
    describe_log,
)
from streaming.kafka.log_reader import LogReader
from streaming.kafka.reader import LogIncomplete, ReadFailed

# A status is asked for when something is wrong; it must not hang with it.
ANSWER_WITHIN_S = 3.0


@dataclass(frozen=True, kw_only=True)
class LogStatus:
    """``lag`` is in messages, None while unknown; ``problem`` is empty or says why it is."""

    lag: int | None
    bootstrap_servers: str | None
    cluster_id: str | None
    mode: Mode
    problem: str = ""


def log_status(timeout: float = ANSWER_WITHIN_S) -> LogStatus:
    """Ask Kafka how much of the log is not concluded yet. Never raises on Kafka's account."""
    known = current_log()
    try:
        endpoint = required_endpoint()
    except NoKafkaRunning as problem:
        return _without_answer(None, known, str(problem))
    try:
        found = describe_log(endpoint, settings.KAFKA_TOPIC, timeout)
    except KafkaUnusable as problem:
        return _without_answer(endpoint, known, str(problem))
    is_other = known is not None and (known.cluster_id, known.topic_id) != (
        found.cluster_id,
        found.topic_id,
    )
    return LogStatus(
        lag=None if is_other else _lag(endpoint, found, known, timeout),
        bootstrap_servers=endpoint.bootstrap_servers,
        cluster_id=found.cluster_id,
        mode=endpoint.mode,
        problem="The ledger was concluded from another log than this one." if is_other else "",
    )


def _lag(endpoint: Endpoint, found: LogDescription, known: Log | None, timeout: float) -> int:
    positions = next_offsets(known) if known else {}
    places = ((n, positions.get(n, low), high) for n, low, high in map(_bounds, found.partitions))
    behind = {number: (at, high) for number, at, high in places if at < high}
    if not behind:
        return 0
    at_most = sum(high - at for at, high in behind.values())
    try:
        with LogReader(endpoint, found.topic, patience_s=timeout) as reader:
            return sum(_messages_left(reader, n, *bounds) for n, bounds in behind.items())
    except (KafkaUnusable, LogIncomplete, ReadFailed):
        # Such as without the right to read, or within a transaction that is open.
        return at_most


def _bounds(partition: PartitionDescription) -> tuple[int, int, int]:
    return partition.partition, partition.low, partition.high


def _messages_left(reader: LogReader, partition: int, at: int, high: int) -> int:
    """Count the offsets from the next message on: none where only transactions end there."""
    following = next(reader.messages(partition, at, high), None)
    return 0 if following is None else high - following.offset


def _without_answer(endpoint: Endpoint | None, known: Log | None, problem: str) -> LogStatus:
    if endpoint is None:
        is_memory = known is not None and known.is_memory
        return LogStatus(
            lag=None,
            bootstrap_servers=None,
            cluster_id=known.cluster_id if known else None,
            mode="memory" if is_memory else "embedded",
            problem=problem,
        )
    return LogStatus(
        lag=None,
        bootstrap_servers=endpoint.bootstrap_servers,
        cluster_id=endpoint.cluster_id or (known.cluster_id if known else None),
        mode=endpoint.mode,
        problem=problem,
    )
