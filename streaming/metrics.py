"""Every figure that a process of the portal gives to Prometheus, by its name, and who counts it.

Counted in plain numbers, so that a process that nobody asks pays a few additions a batch and
imports nothing. ``streaming.exposition`` writes them down. Labels are of few values: partitions,
fates, methods and statuses; never an account or an agent, whose number has no bound.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Final, Literal, NamedTuple

Labels = tuple[str, ...]


class Sample(NamedTuple):
    """One value of a metric; of a histogram the counts by class, the last without a bound."""

    labels: Labels
    value: float
    counts: tuple[int, ...] = ()


class Metric:
    """A name with a unit, what it means, and its values. May be changed by any thread."""

    kind: Literal["counter", "gauge", "histogram"] = "gauge"

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}
        self._lock = Lock()

    def samples(self) -> Iterator[Sample]:
        """Give its values as they are now."""
        with self._lock:
            found = list(self._values.items())
        yield from (Sample(labels, value) for labels, value in found)

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._values = {} if self.labels else {(): 0.0}


class Counter(Metric):
    """Grows while the process lives. Its name ends in ``_total``."""

    kind = "counter"

    def add(self, number: float = 1, *labels: str) -> None:
        """Count ``number`` more."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0.0) + number


class Gauge(Metric):
    """Goes up and down."""

    def set(self, value: float, *labels: str) -> None:
        """Take ``value`` as it is now."""
        with self._lock:
            self._values[labels] = value

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Take ``values`` in place of all there are."""
        with self._lock:
            self._values = dict(values)


class Kept(Gauge):
    """A counter that the database keeps, over all processes and starts."""

    kind = "counter"


class Age(Gauge):
    """The seconds since a moment, counted when it is asked for; 0 where there is none."""

    def samples(self) -> Iterator[Sample]:
        """Give how long ago each moment is."""
        now = time.time()
        for labels, moment, _counts in super().samples():
            yield Sample(labels, max(0.0, now - moment) if moment else 0.0)


class Histogram(Metric):
    """How many were how large, by the upper ``bounds`` of its classes."""

    kind = "histogram"

    def __init__(self, name: str, meaning: str, *labels: str, bounds: Sequence[float]) -> None:
        super().__init__(name, meaning, *labels)
        self.bounds = tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self.clear()

    def observe(self, value: float, *labels: str) -> None:
        """Count one more."""
        self.observe_all((value,), *labels)

    def observe_all(self, values: Sequence[float], *labels: str) -> None:
        """Count several more at once."""
        places = [bisect_left(self.bounds, value) for value in values]
        with self._lock:
            counts = self._counts.get(labels) or self._counts.setdefault(labels, self._none())
            for place in places:
                counts[place] += 1
            self._values[labels] = self._values.get(labels, 0.0) + sum(values)

    def samples(self) -> Iterator[Sample]:
        """Give sums, each with its counts."""
        with self._lock:
            found = [(at, self._values[at], tuple(counts)) for at, counts in self._counts.items()]
        yield from (Sample(*each) for each in found)

    def clear(self) -> None:
        """Begin anew."""
        super().clear()
        self._counts = {} if self.labels else {(): self._none()}

    def _none(self) -> list[int]:
        return [0] * (len(self.bounds) + 1)


_WORK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# What somebody waits for at a counter: from an idle portal to a Kafka that is away.
_WAIT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# What the ledger says of itself, the same from every web process.
LEDGER_IS_READABLE: Final = Gauge(
    "bankportal_ledger_is_readable", "1 where the database could be asked for what follows, else 0"
)
TRANSACTIONS: Final = Kept(
    "bankportal_ledger_transactions_total", "Entries that were posted and moved money"
)
MESSAGES: Final = Kept(
    "bankportal_ledger_messages_total",
    "Messages that the ledger has concluded, by what became of them",
    "fate",
)
STALE_BATCHES: Final = Kept(
    "bankportal_ledger_stale_batches_total",
    "Batches that were refused because another consumer had the partition; nothing was written",
)
NEXT_OFFSET: Final = Gauge(
    "bankportal_ledger_next_offset", "The offset that the ledger concludes next", "partition"
)
UNDECIDED: Final = Gauge(
    "bankportal_dead_letters_undecided", "Dead letters about which nobody has decided"
)
WAITING: Final = Gauge(
    "bankportal_submissions_waiting", "Submissions and redriven dead letters without an outcome"
)
OLDEST_WAITING_SECONDS: Final = Gauge(
    "bankportal_submissions_oldest_waiting_seconds",
    "How long the first of them waits; 0 where none does",
)
UNPUBLISHED: Final = Gauge(
    "bankportal_outbox_unpublished_rows",
    "Rows that Kafka has not acknowledged: the relay's backlog",
)
OLDEST_UNPUBLISHED_SECONDS: Final = Gauge(
    "bankportal_outbox_oldest_unpublished_seconds",
    "How long the first of them waits that no refusal keeps; 0 where none does",
)
REFUSED: Final = Gauge(
    "bankportal_outbox_refused_rows", "Rows that Kafka would not take at the last try"
)
LEASE_IS_HELD: Final = Gauge(
    "bankportal_relay_lease_is_held", "1 while some relay has the lease to publish, else 0"
)
VERIFIED_AT: Final = Gauge(
    "bankportal_verified_timestamp_seconds",
    "When verify_ledger or verify_audit last came to its end",
    "what",
)
DISCREPANCIES: Final = Gauge(
    "bankportal_verified_discrepancies", "How many discrepancies it named then", "what"
)

# What was found on the disk of DATA_DIR.
DISK_SIZE: Final = Gauge("bankportal_disk_size_bytes", "Size of the disk that holds DATA_DIR")
DISK_FREE: Final = Gauge(
    "bankportal_disk_free_bytes", "What is free on it for the user of this process"
)

# Of a consumer, since it was started.
CONSUMED: Final = Counter(
    "bankportal_consumer_messages_total",
    "Messages that this consumer has seen into the ledger, by what became of them",
    "fate",
)
BATCH_SECONDS: Final = Histogram(
    "bankportal_consumer_batch_seconds",
    "From concluding a batch to its end in the database",
    bounds=_WORK,
)
BATCH_MESSAGES: Final = Histogram(
    "bankportal_consumer_batch_messages",
    "Messages in a batch",
    bounds=(1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000),
)
LOCK_WAIT_SECONDS: Final = Histogram(
    "bankportal_consumer_lock_wait_seconds",
    "How long a batch waited for the write lock",
    bounds=_WORK,
)
LOCK_HOLD_SECONDS: Final = Histogram(
    "bankportal_consumer_lock_hold_seconds",
    "How long a batch held the database's write lock, commit included",
    bounds=_WORK,
)
CLICK_TO_POSTED_SECONDS: Final = Histogram(
    "bankportal_click_to_posted_seconds",
    "From an agent's submission until its posting or rejection is in the database,"
    " some milliseconds more than pages tell",
    bounds=_WAIT,
)
LAG_MESSAGES: Final = Gauge(
    "bankportal_consumer_lag_messages",
    "Messages of the log that are not concluded, of the partitions that this consumer has",
    "partition",
)
LAG_SECONDS: Final = Age(
    "bankportal_consumer_lag_seconds",
    "How long the first of them may have been in the log; 0 where there is none",
    "partition",
)
KAFKA_SILENT_SECONDS: Final = Age(
    "bankportal_consumer_kafka_silent_seconds",
    "How long Kafka has answered this consumer nothing, not even that nothing is new",
)

# Of a relay.
PUBLISHED: Final = Counter(
    "bankportal_relay_published_total", "Rows of the outbox that Kafka has acknowledged"
)
REPUBLISHED: Final = Counter(
    "bankportal_relay_republished_total",
    "Rows that were acknowledged, had no outcome, and were published again",
)
QUEUED_SECONDS: Final = Histogram(
    "bankportal_relay_queued_seconds",
    "From a row in the outbox to Kafka's acknowledgement",
    bounds=_WAIT,
)
ON_THE_WAY: Final = Gauge(
    "bankportal_relay_on_the_way_rows", "Rows that were taken and are not acknowledged yet"
)
IS_PUBLISHING: Final = Gauge(
    "bankportal_relay_is_publishing", "1 while this relay has the lease and a Kafka, else 0"
)

# Of consumer and relay.
DATABASE_AWAY: Final = Gauge(
    "bankportal_database_away", "1 while the process waits for a database that cannot serve, else 0"
)

# Of a web process.
SOCKETS: Final = Gauge("bankportal_web_sockets", "Live pages that are connected")
FRAMES: Final = Counter("bankportal_web_frames_total", "Frames sent to live pages")
FRAMES_DROPPED: Final = Counter(
    "bankportal_web_frames_dropped_total",
    "Frames that waited for a page too slow to take them, and were replaced by a reload",
)
RELOADS: Final = Counter(
    "bankportal_web_reloads_total", "Live pages sent back to read their data anew, by why", "reason"
)
FIGURES_SECONDS: Final = Histogram(
    "bankportal_web_figures_seconds",
    "Reading the figures of one filter for all who look through it",
    bounds=_WORK,
)
REQUEST_SECONDS: Final = Histogram(
    "bankportal_web_request_seconds",
    "Requests but those for static files, until the answer begins",
    "method",
    "status",
    bounds=_WORK,
)

OF_LEDGER: Final = (
    TRANSACTIONS,
    MESSAGES,
    STALE_BATCHES,
    NEXT_OFFSET,
    UNDECIDED,
    WAITING,
    OLDEST_WAITING_SECONDS,
    UNPUBLISHED,
    OLDEST_UNPUBLISHED_SECONDS,
    REFUSED,
    LEASE_IS_HELD,
    VERIFIED_AT,
    DISCREPANCIES,
)
OF_DISK: Final = (DISK_SIZE, DISK_FREE)
OF_CONSUMER: Final = (
    CONSUMED,
    BATCH_SECONDS,
    BATCH_MESSAGES,
    LOCK_WAIT_SECONDS,
    LOCK_HOLD_SECONDS,
    CLICK_TO_POSTED_SECONDS,
    LAG_MESSAGES,
    LAG_SECONDS,
    KAFKA_SILENT_SECONDS,
    DATABASE_AWAY,
)
OF_RELAY: Final = (
    PUBLISHED,
    REPUBLISHED,
    QUEUED_SECONDS,
    ON_THE_WAY,
    IS_PUBLISHING,
    DATABASE_AWAY,
)
OF_WEB: Final = (SOCKETS, FRAMES, FRAMES_DROPPED, RELOADS, FIGURES_SECONDS, REQUEST_SECONDS)
