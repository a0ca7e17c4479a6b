"""The only publisher: takes the outbox to Kafka in its order, until all of it has an outcome."""

import logging
import time
from collections import deque

from django.db import close_old_connections

from accounts import outbox
from accounts.database_changes import DatabaseChanges
from accounts.database_troubles import CANNOT_SERVE
from accounts.models import Log, Outbox
from accounts.outbox import Publication
from streaming.counting import counted
from streaming.database_away import DatabaseAway
from streaming.endpoint import Endpoint, has_moved
from streaming.kafka.producer import Acknowledged, NotDelivered, Producer
from streaming.stopping import StopRequest
from streaming.waiting import wait_for_log

log = logging.getLogger(__name__)

# Bounds what is published again after a kill.
MOST_ON_THE_WAY = 2_000
# Acknowledgements are kept a moment and written together: each write would take the lock that
# the consumer needs to post the very message just acknowledged.
RECORD_AFTER_S = 0.03
SWEEP_EVERY_S = 1.0
WAKE_S = 0.004


def relay(stop: StopRequest) -> int:
    """Publish the outbox until asked to stop; give the number of acknowledged messages."""
    published = 0
    while not stop.is_set():
        found = wait_for_log(stop)
        if found is None:
            break
        endpoint, known, _identity = found
        log.info("Publishing to %s at %s.", known.topic, endpoint.bootstrap_servers)
        published += _Session(endpoint, known, stop).run()
    log.info("Stopped: %d published.", published)
    return published


class _Session:
    """Publishing to one endpoint, with one producer, for as long as both are good."""

    def __init__(self, endpoint: Endpoint, known: Log, stop: StopRequest) -> None:
        self._endpoint = endpoint
        self._log = known
        self._stop = stop
        self._producer = Producer(endpoint)
        self._changes = DatabaseChanges()
        self._database_away = DatabaseAway(stop)
        self._on_the_way: set[int] = set()
        self._acknowledged: deque[Publication] = deque()
        self._failure: NotDelivered | None = None
        self._published = 0
        self._look_again = True
        self._moved = False
        self._recorded_at = self._swept_at = 0.0

    def run(self) -> int:
        """Publish until asked to stop, until Kafka has moved, or until it refuses a message."""
        try:
            while not self._stop.is_set() and self._failure is None:
                self._step()
                if self._moved:
                    log.warning("Kafka has moved; connecting again.")
                    break
            self._finish()
        finally:
            self._producer.close()
            self._changes.close()
        return self._published

    def _step(self) -> None:
        try:
            if self._look_again or self._changes.changed():
                self._look_again = self._publish_some()
            self._record(after_s=RECORD_AFTER_S)
            self._sweep()
        except CANNOT_SERVE as reason:
            self._look_again = True
            self._database_away.wait(reason)
        else:
            self._database_away.is_back()
            self._producer.poll(WAKE_S)

    def _publish_some(self) -> bool:
        """Publish what there is room for; say whether there may be more to publish."""
        room = MOST_ON_THE_WAY - len(self._on_the_way)
        if room < MOST_ON_THE_WAY // 2:
            return True
        rows = outbox.unpublished(besides=self._on_the_way, limit=room)
        for row in rows:
            self._publish(row)
        return len(rows) == room

    def _publish(self, row: Outbox) -> None:
        self._on_the_way.add(row.pk)

        def on_done(result: Acknowledged | NotDelivered) -> None:
            self._note(row.pk, result)

        self._producer.publish(
            row.topic,
            None if row.key is None else bytes(row.key),
            None if row.value is None else bytes(row.value),
            on_done,
            row.headers,
        )

    def _note(self, row_id: int, result: Acknowledged | NotDelivered) -> None:
        if isinstance(result, NotDelivered):
            self._failure = self._failure or result
            return
        now_ms = time.time_ns() // 1_000_000
        self._acknowledged.append(
            Publication(row_id, self._log.pk, result.partition, result.offset, now_ms)
        )
        self._published += 1

    def _record(self, *, after_s: float) -> None:
        due = time.monotonic() - self._recorded_at >= after_s
        if not self._acknowledged or not due:
            return
        noted = list(self._acknowledged)
        outbox.record_publications(noted)
        self._acknowledged.clear()
        self._on_the_way -= {each.row_id for each in noted}
        self._recorded_at = time.monotonic()

    def _sweep(self) -> None:
        if time.monotonic() - self._swept_at < SWEEP_EVERY_S:
            return
        close_old_connections()
        self._moved = has_moved(self._endpoint)
        outbox.close_concluded()
        again = outbox.publish_again_what_got_lost(self._log.pk)
        if again:
            log.warning("%s without an outcome: published again.", counted(again, "submission"))
        self._look_again = self._look_again or bool(again)
        self._swept_at = time.monotonic()

    def _finish(self) -> None:
        """Wait a moment for what is on its way, so that a restart need not publish it again."""
        if self._failure is not None:
            # Rows that Kafka has not acknowledged by now stay in the outbox, this one first.
            log.error("Kafka refused a message (%s); starting over with it.", self._failure)
            self._stop.wait(1)
        else:
            self._producer.flush(2)
        try:
            self._record(after_s=0)
        except CANNOT_SERVE as reason:
            log.warning("Acknowledgements were not kept (%s); publishing them again.", reason)
