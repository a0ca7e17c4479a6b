"""The only publisher: takes the outbox to Kafka in its order, until all of it has an outcome."""

import logging
import time

from django.db import close_old_connections

from accounts import outbox
from accounts.database_changes import DatabaseChanges
from accounts.database_troubles import CANNOT_SERVE
from accounts.ledger.identity import LogReplaced
from accounts.outbox import Publication
from streaming.counting import counted
from streaming.database_away import DatabaseAway
from streaming.endpoint import has_moved
from streaming.garbage import collect_garbage_less
from streaming.kafka.producer import Producer
from streaming.lease import Lease, relay_lease
from streaming.metrics import (
    IS_PUBLISHING,
    ON_THE_WAY,
    PUBLISHED,
    QUEUED_SECONDS,
    REPUBLISHED,
)
from streaming.ordered_publisher import OrderedPublisher
from streaming.refusals import Refusals
from streaming.steps import tell_of_published
from streaming.stopping import StopRequest
from streaming.waiting import KNOCK_AGAIN_S, FoundLog, wait_for_lease, wait_for_log

log = logging.getLogger(__name__)

# Acknowledgements are kept so long and written together: each write would take the lock that the
# consumer needs to post the very message just acknowledged.
RECORD_AFTER_S = 0.03
SWEEP_EVERY_S = 1.0
# How often the outbox is looked at; and while agents are at work.
WAKE_S = 0.004
WAKE_AT_WORK_S = 0.0015
AT_WORK_S = 5.0
FINISH_WITHIN_S = 2.0
# What librdkafka puts into one batch, where the topic takes as much.
USUAL_BATCH = 1_000_000


def relay(stop: StopRequest) -> int:
    """Publish the outbox until asked to stop; give the number of acknowledged messages.

    Waits, saying so, while another relay publishes, and for broker and topic. Raises
    ``DeliberateStop`` where the log is not the ledger's, or lacks what the ledger has read.
    """
    published = 0
    refusals = Refusals()
    collect_garbage_less()
    with relay_lease() as lease:
        while wait_for_lease(lease, stop) and (found := wait_for_log(stop)):
            log.info("Publishing to %s at %s.", found.log.topic, found.endpoint.bootstrap_servers)
            published += _Session(found, lease, refusals, stop).run()
    log.info("Stopped: %d published.", published)
    return published


class _Session:
    """Publishing to one endpoint, with one producer, for as long as both are good."""

    def __init__(
        self, found: FoundLog, lease: Lease, refusals: Refusals, stop: StopRequest
    ) -> None:
        self._found = found
        self._refusals = refusals
        self._stop = stop
        # A broker refuses a batch above the topic's limit although each message of it would fit.
        batch = min(USUAL_BATCH, found.largest_batch or USUAL_BATCH)
        self._producer = Producer(found.endpoint, **{"batch.size": batch})
        self._publisher = OrderedPublisher(self._producer, lease, refusals)
        self._changes = DatabaseChanges()
        self._database_away = DatabaseAway(stop)
        self._published = 0
        self._has_moved = False
        self._look_again = True
        self._swept_at = self._at_work_until = 0.0
        # When the first was acknowledged that is not written down.
        self._acknowledged_since: float | None = None

    def run(self) -> int:
        """Publish until asked to stop, or until another producer or the lease is needed."""
        IS_PUBLISHING.set(1)
        try:
            while not (self._stop.is_set() or self._has_moved or self._publisher.failure):
                self._step()
            if self._publisher.failure:
                log.warning("Connecting again: %s.", self._publisher.failure.rstrip("."))
                self._stop.wait(KNOCK_AGAIN_S if self._publisher.is_barred else 1)
            elif self._has_moved:
                log.warning("Kafka has moved; connecting again.")
        finally:
            self._finish()
        return self._published

    def _step(self) -> None:
        try:
            # First, so that nothing is published before what an earlier log has lost.
            self._sweep()
            if self._look_again or self._changes.changed() or self._refusals.due():
                self._look_again = self._publish_some()
            self._record(after_s=RECORD_AFTER_S)
            ON_THE_WAY.set(len(self._publisher.on_the_way.row_ids))
        except CANNOT_SERVE as reason:
            self._look_again = True
            self._database_away.wait(reason)
        except LogReplaced:
            self._has_moved = True
        else:
            self._database_away.is_back()
            is_at_work = time.monotonic() < self._at_work_until
            self._publisher.poll(WAKE_AT_WORK_S if is_at_work else WAKE_S)

    def _publish_some(self) -> bool:
        """Publish what there is room for; say whether to look again before anything changes."""
        place = self._refusals.due()
        if place or self._publisher.is_trying:
            if place and not self._publisher.on_the_way.is_at_kafka:
                self._try_again(place)
            return True
        on_the_way = self._publisher.on_the_way
        rows = outbox.unpublished(
            besides=on_the_way.row_ids,
            but_not=[*self._refusals.places, *on_the_way.crowded],
            limit=on_the_way.room,
            most_bytes=on_the_way.bytes_free,
        )
        self._publisher.publish(rows)
        if rows:
            self._at_work_until = time.monotonic() + AT_WORK_S
        # There is room for more when these are recorded as published, which is a change too.
        return False

    def _try_again(self, place: outbox.Place) -> None:
        row = outbox.first_unpublished(place)
        if row is None:
            self._refusals.accept(place)
        elif row.pk not in self._publisher.on_the_way.row_ids:
            self._publisher.try_again(row, place)

    def _record(self, *, after_s: float) -> None:
        refused = self._publisher.refused
        while refused:
            row, refusal = refused[0]
            outbox.record_refusal(row.pk, f"{refusal}. {refusal.remedy}")
            refused.popleft()
        acknowledged = self._publisher.acknowledged
        if not acknowledged:
            return
        if self._acknowledged_since is None:
            self._acknowledged_since = time.monotonic()
        if time.monotonic() - self._acknowledged_since < after_s:
            return
        noted = [
            Publication(row.pk, self._found.log.pk, at.partition, at.offset, at.at_ms)
            for row, at in acknowledged
        ]
        outbox.record_publications(noted)
        PUBLISHED.add(len(noted))
        for row, at in acknowledged:
            QUEUED_SECONDS.observe(max(0, at.at_ms - row.queued_at_ms) / 1000)
        tell_of_published(acknowledged)
        acknowledged.clear()
        self._publisher.on_the_way.forget(each.row_id for each in noted)
        self._published += len(noted)
        self._acknowledged_since = None

    def _sweep(self) -> None:
        if time.monotonic() - self._swept_at < SWEEP_EVERY_S:
            return
        close_old_connections()
        self._has_moved = has_moved(self._found.endpoint)
        self._found.guard.look()
        outbox.close_concluded()
        while again := outbox.publish_again_what_got_lost(self._found.log.pk):
            REPUBLISHED.add(again)
            log.warning("%s without an outcome: published again.", counted(again, "submission"))
            self._look_again = True
        self._swept_at = time.monotonic()

    def _finish(self) -> None:
        """Wait a moment for what is on its way, so that a restart need not publish it again."""
        IS_PUBLISHING.set(0)
        try:
            self._publisher.finish(FINISH_WITHIN_S)
            self._record(after_s=0)
        except CANNOT_SERVE as reason:
            log.warning("Acknowledgements were not kept (%s); publishing them again.", reason)
        finally:
            self._producer.close()
            self._changes.close()
