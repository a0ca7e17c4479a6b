"""Waiting for Kafka to be there, and for it to be the right one."""

import logging
import time

from django.conf import settings

from accounts.database_troubles import CANNOT_SERVE
from accounts.ledger.identity import OtherLog, identity_of, recognise_log
from accounts.ledger.messages import LogIdentity
from accounts.models import Log
from streaming.database_away import DatabaseAway
from streaming.endpoint import Endpoint, current_endpoint
from streaming.kafka.admin import LogDescription, describe_log
from streaming.kafka.errors import KafkaUnusable, SettingsRefused
from streaming.stopping import DeliberateStop, StopRequest

log = logging.getLogger(__name__)

SAY_AGAIN_S = 30.0
# A broker that starts beside us is there by then.
USUAL_START_S = 15.0


def wait_for_log(stop: StopRequest) -> tuple[Endpoint, Log, LogIdentity] | None:
    """Wait, saying so, until the ledger's log can be used; None when asked to stop.

    Raises ``DeliberateStop`` where Kafka has another log than the ledger's, or one that
    forgets.
    """
    say, database_away = _Said(), DatabaseAway(stop)
    while not stop.is_set():
        endpoint = current_endpoint()
        if endpoint is None:
            say("Waiting for Kafka: no broker is running yet (manage.py run_broker).")
        else:
            try:
                known = _recognise(endpoint)
                database_away.is_back()
                return endpoint, known, identity_of(known)
            except SettingsRefused as reason:
                raise DeliberateStop(str(reason)) from reason
            except KafkaUnusable as reason:
                say(f"Waiting for Kafka: {reason}")
            except CANNOT_SERVE as reason:
                database_away.wait(reason)
        stop.wait(0.1)
    return None


def _recognise(endpoint: Endpoint) -> Log:
    described = describe_log(endpoint, settings.KAFKA_TOPIC, timeout=5)
    _refuse_forgetful(endpoint, described)
    try:
        return recognise_log(identity_seen(endpoint, described))
    except OtherLog as reason:
        raise DeliberateStop(str(reason)) from reason


def identity_seen(endpoint: Endpoint, described: LogDescription) -> LogIdentity:
    """Give the identity of the log that was found at ``endpoint``."""
    return LogIdentity(
        cluster_id=described.cluster_id,
        topic=described.topic,
        topic_id=described.topic_id,
        partition_count=described.partition_count,
        is_memory=endpoint.mode == "memory",
    )


def _refuse_forgetful(endpoint: Endpoint, described: LogDescription) -> None:
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


class _Said:
    """Says each thing once, and again after a while; a warning once that is no usual start."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last: tuple[str, float] = ("", 0.0)

    def __call__(self, text: str) -> None:
        said, at = self._last
        now = time.monotonic()
        if text != said or now - at > SAY_AGAIN_S:
            log.log(logging.INFO if now - self._began < USUAL_START_S else logging.WARNING, text)
            self._last = (text, now)
