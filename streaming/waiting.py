"""Waiting for Kafka to be there, for it to be the right one, and for one's turn to publish."""

import logging
import time
from datetime import UTC, datetime
from typing import NamedTuple

from accounts.database_troubles import CANNOT_SERVE
from accounts.ledger.identity import identity_of
from accounts.ledger.messages import LogIdentity
from accounts.models import Log
from streaming.database_away import DatabaseAway
from streaming.endpoint import Endpoint, current_endpoint
from streaming.kafka.errors import Barred, KafkaUnusable, SettingsRefused
from streaming.lease import Holder, Lease, lease_holder
from streaming.log_guard import LogGuard
from streaming.stopping import DeliberateStop, StopRequest

log = logging.getLogger(__name__)

SAY_AGAIN_S = 30.0
# Some brokers lock out who comes back with the same wrong password at once.
KNOCK_AGAIN_S = 5.0
# A broker that starts beside us is there by then.
USUAL_START_S = 15.0
# A holder of the lease that is seen to be frozen for as long is named once more.
FROZEN_FOR_S = 3.0


class FoundLog(NamedTuple):
    """The ledger's log, and where it is.

    No batch of it may have more bytes than ``largest_batch``, which is 0 where there is no bound.
    """

    endpoint: Endpoint
    log: Log
    identity: LogIdentity
    largest_batch: int
    guard: LogGuard


def wait_for_log(stop: StopRequest, *, compares_itself: bool = False) -> FoundLog | None:
    """Wait, saying so, until the ledger's log can be used; None when asked to stop.

    A Kafka that refuses us, or that we do not trust, is waited for as well: that may be put
    right there, and then nobody has to start us again. Raises ``DeliberateStop`` where Kafka has
    another log than the ledger's, or one that forgets, or that lacks what the ledger has read,
    and where the settings make no client. ``compares_itself`` leaves it to the
    caller to compare the last messages read.
    """
    say, database_away = _Said(), DatabaseAway(stop)
    guard: LogGuard | None = None
    while not stop.is_set():
        endpoint = current_endpoint()
        if endpoint is None:
            say("Waiting for Kafka: no broker is running yet (manage.py run_broker).")
        else:
            try:
                if guard is None or guard.endpoint != endpoint:
                    guard = LogGuard(endpoint)
                known, described = guard.admit()
                if not compares_itself:
                    guard.refuse_other_messages()
            except SettingsRefused as reason:
                raise DeliberateStop(str(reason)) from reason
            except Barred as reason:
                say(f"Waiting for Kafka: {reason}", is_usual=False)
                stop.wait(KNOCK_AGAIN_S)
            except KafkaUnusable as reason:
                say(f"Waiting for Kafka: {reason}")
            except CANNOT_SERVE as reason:
                database_away.wait(reason)
            else:
                database_away.is_back()
                # Memory mode knows no bound.
                size = max(described.max_message_bytes, 0)
                return FoundLog(endpoint, known, identity_of(known), size, guard)
        stop.wait(0.1)
    return None


def wait_for_lease(lease: Lease, stop: StopRequest) -> bool:
    """Wait, saying for whom, until the lease is ours; False when asked to stop."""
    say, database_away = _Said(again_s=float("inf")), DatabaseAway(stop)
    began = time.monotonic()
    while not stop.is_set():
        if lease.is_held() or lease.take():
            database_away.is_back()
            return True
        try:
            holder = lease_holder()
        except CANNOT_SERVE as reason:
            database_away.wait(reason)
        else:
            database_away.is_back()
            if holder:
                say(_who_publishes(holder, time.monotonic() - began))
        stop.wait(0.1)
    return False


def _who_publishes(holder: Holder, waited_s: float) -> str:
    since = datetime.fromtimestamp(holder.since_ms / 1000, tz=UTC)
    text = f"{holder} publishes since {since:%Y-%m-%d %H:%M:%S} UTC; waiting for it to end."
    if waited_s > FROZEN_FOR_S and holder.is_frozen:
        return (
            f"{text} It is stopped, so nothing is published: let it go on (kill -CONT "
            f"{holder.pid}) or end it (kill -KILL {holder.pid})."
        )
    return text


class _Said:
    """Says each thing once, and again after a while; a warning once that is no usual start."""

    def __init__(self, again_s: float = SAY_AGAIN_S) -> None:
        self._began = time.monotonic()
        self._again_s = again_s
        self._last: tuple[str, float] = ("", 0.0)

    def __call__(self, text: str, *, is_usual: bool = True) -> None:
        said, at = self._last
        now = time.monotonic()
        if text != said or now - at > self._again_s:
            is_early = is_usual and now - self._began < USUAL_START_S
            log.log(logging.INFO if is_early else logging.WARNING, text)
            self._last = (text, now)
