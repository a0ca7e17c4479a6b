"""How far the ledger is behind its log, and which Kafka holds it."""

from dataclasses import dataclass

from django.conf import settings

from accounts.ledger.identity import current_log
from accounts.models import Log
from accounts.selectors.status import next_offsets
from streaming.endpoint import Endpoint, Mode, NoKafkaRunning, required_endpoint
from streaming.kafka.admin import KafkaUnusable, LogDescription, describe_log

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
        lag=None if is_other else _lag(found, known),
        bootstrap_servers=endpoint.bootstrap_servers,
        cluster_id=found.cluster_id,
        mode=endpoint.mode,
        problem="The ledger was concluded from another log than this one." if is_other else "",
    )


def _lag(found: LogDescription, known: Log | None) -> int:
    positions = next_offsets(known) if known else {}
    return sum(
        max(0, each.high - positions.get(each.partition, each.low)) for each in found.partitions
    )


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
