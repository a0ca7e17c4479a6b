"""Gives rows of the outbox to Kafka, in order within each account, and collects the answers."""

import logging
from collections import deque
from collections.abc import Iterable

from accounts.models import Outbox
from accounts.outbox import Place, place_of
from streaming.kafka.producer import Acknowledged, NotDelivered, Producer
from streaming.lease import Lease
from streaming.on_the_way import OnTheWay
from streaming.refusals import Refusals

log = logging.getLogger(__name__)


class OrderedPublisher:
    """What the relay publishes with, for as long as one producer is good. Reads no database.

    ``acknowledged`` and ``refused`` grow while ``poll`` runs; whoever records them takes them
    out. ``failure`` says why another producer is needed, once one is; ``is_barred`` that Kafka
    will not have that one either, until somebody puts it right.
    """

    def __init__(self, producer: Producer, lease: Lease, refusals: Refusals) -> None:
        self.on_the_way = OnTheWay()
        self.acknowledged: deque[tuple[Outbox, Acknowledged]] = deque()
        self.refused: deque[tuple[Outbox, NotDelivered]] = deque()
        self.failure = ""
        self.is_barred = False
        self._producer = producer
        self._lease = lease
        self._refusals = refusals
        self._ready: deque[Outbox] = deque()
        self._alone: Place | None = None

    @property
    def is_trying(self) -> bool:
        """Whether a row that was refused is being tried, which goes by itself."""
        return self._alone is not None

    def publish(self, rows: Iterable[Outbox]) -> None:
        """Publish ``rows``, the next ones of the outbox in its order."""
        for row in rows:
            if self.on_the_way.take(row):
                self._ready.append(row)
        self._publish_ready()

    def try_again(self, row: Outbox, place: Place) -> None:
        """Publish the first row of a place that rests; nothing else may be on its way."""
        self._alone = place
        self.publish([row])

    def poll(self, timeout: float) -> None:
        """Let Kafka's answers in, and publish what follows on them."""
        try:
            self._producer.poll(timeout)
        except NotDelivered as reason:
            self._fail(f"{reason}. {reason.remedy}" if reason.remedy else str(reason))
            self.is_barred = bool(reason.remedy)
        self._publish_ready()

    def finish(self, timeout: float) -> None:
        """Wait a moment for the answers to what is on its way, and publish nothing more."""
        self._fail("finished")
        try:
            self._producer.flush(timeout if self._lease.is_held() else 0)
        except NotDelivered as reason:
            log.debug("Kafka: %s", reason)

    def _publish_ready(self) -> None:
        if not self._ready or self.failure:
            return
        if not self._lease.is_held():
            self._fail("the lease is lost")
            return
        while self._ready and not self.failure:
            row = self._ready.popleft()
            if not self._alone and self._refusals.rests(place_of(row)):
                self.on_the_way.drop(row)
            else:
                self._hand_over(row)

    def _hand_over(self, row: Outbox) -> None:
        def on_done(result: Acknowledged | NotDelivered) -> None:
            if isinstance(result, Acknowledged):
                self._note(row, result)
            elif result.remedy:
                self._set_aside(row, result)
            else:
                self._fail(str(result))

        self._producer.publish(
            row.topic,
            None if row.key is None else bytes(row.key),
            None if row.value is None else bytes(row.value),
            on_done,
            row.headers,
        )

    def _note(self, row: Outbox, at: Acknowledged) -> None:
        self.acknowledged.append((row, at))
        if self._alone:
            self._refusals.accept(self._alone)
            self._alone = None
        following = self.on_the_way.acknowledge(row)
        if following:
            self._ready.append(following)

    def _set_aside(self, row: Outbox, refusal: NotDelivered) -> None:
        """Let the row's place rest: nothing overtakes it, and all others go on."""
        self.on_the_way.drop(row)
        place = Place(row.topic, None) if refusal.of_topic else place_of(row)
        tried, self._alone = self._alone, None
        if tried is None and self._refusals.rests(place):
            return
        if tried and tried != place:
            self._refusals.accept(tried)
        is_new = self._refusals.add(place)
        self.refused.append((row, refusal))
        if is_new:
            _say(row, refusal)
        if tried is None and not refusal.of_topic:
            # It may have been the batch that was too large, for a limit that is new.
            self._fail("the topic's limits may be new")

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason


def _say(row: Outbox, refusal: NotDelivered) -> None:
    log.error(
        "Kafka refuses outbox row %d for topic %s: %s. %s The row stays queued and is tried again; "
        "until then %s.",
        row.pk,
        row.topic,
        refusal,
        refusal.remedy,
        "nothing goes to this topic" if refusal.of_topic else "its account waits behind it",
    )
