"""Publishing many events so that agents need not wait: at a pace, never far before the ledger."""

import time
from collections import deque
from typing import Final

from django.conf import settings

from accounts.events import Event, encode
from accounts.models import Log
from accounts.selectors.status import next_offsets
from streaming.endpoint import Endpoint, has_moved
from streaming.kafka.producer import Acknowledged, NotDelivered, Producer
from streaming.progress import Console

# What an agent submits meanwhile waits behind what is ahead: so many seconds' posting, as far as
# that is within these bounds.
AHEAD_S: Final = 0.5
MOST_AHEAD: Final = 10_000
LEAST_AHEAD: Final = 2_000

# Whoever has waited goes on once there is room for so many.
_REFILL: Final = 1_000
_LOOK_EVERY_S = 0.02
_CHECK_ENDPOINT_S = 1.0
_SAY_AFTER_S = 3.0
_SAY_AGAIN_S = 30.0


class KafkaMoved(Exception):
    """Kafka is at another address than it was; what was not acknowledged has to go there."""


class LedgerStands(Exception):
    """Everything is in Kafka, and the ledger has concluded nothing for too long."""

    def __init__(self, ahead: int, seconds: float) -> None:
        super().__init__(
            f"{ahead:,} events are in Kafka, but the ledger has concluded none for "
            f"{seconds:.0f} s. Start manage.py run_consumer and run this again: nothing is "
            "posted twice."
        )


class BulkPublisher:
    """Publishes events in order to one log, and says on ``console`` what it waits for.

    May be stopped at any moment: an event published again is recognised by its id.
    """

    def __init__(
        self, endpoint: Endpoint, log: Log, *, console: Console, rate: float | None = None
    ) -> None:
        self._endpoint = endpoint
        self._log = log
        self._console = console
        self._interval = 1 / rate if rate else 0.0
        self._due = self._checked_at = time.monotonic()
        self._producer = Producer(endpoint, **{"linger.ms": 5})
        self._on_the_way = 0
        self._ends: dict[int, int] = {}
        self._cap = Cap()
        self._room = 0
        self._failure: NotDelivered | None = None

    def publish(self, event: Event) -> None:
        """Publish ``event`` as soon as pace and ledger allow.

        Raises ``NotDelivered`` when Kafka refused an event, ``KafkaMoved``, and ``Interrupted``.
        """
        self._keep_pace()
        self._refuse_to_stay_behind()
        if self._room <= 0:
            self._wait_for_room()
        key, value = encode(event)
        self._on_the_way += 1
        self._room -= 1
        self._producer.publish(settings.KAFKA_TOPIC, key, value, self._note)
        self._let_callbacks_run(0)

    def wait_until_concluded(self, patience_s: float) -> None:
        """Wait until the ledger has an outcome for everything published.

        Raises ``LedgerStands`` once all of it is in Kafka and nothing was concluded for
        ``patience_s``, and what ``publish`` raises.
        """
        waiting = _Waiting(self._endpoint, self._console)
        while ahead := self._ahead():
            silent_s = waiting.look(self._on_the_way, ahead)
            if not self._on_the_way and silent_s > patience_s:
                raise LedgerStands(ahead, silent_s)
            self._wait()

    def close(self) -> None:
        """Wait a moment for what is on its way, and drop the rest."""
        self._producer.flush(2)
        self._producer.close()

    def _keep_pace(self) -> None:
        if not self._interval:
            return
        while (wait_s := self._due - time.monotonic()) > 0:
            self._let_callbacks_run(min(wait_s, 0.2))
        # Time lost by waiting for the ledger is not made up for in a burst.
        self._due = max(self._due, time.monotonic() - 1) + self._interval

    def _wait_for_room(self) -> None:
        waiting = _Waiting(self._endpoint, self._console)
        while (room := self._cap.events - (ahead := self._ahead())) < _REFILL:
            waiting.look(self._on_the_way, ahead)
            self._wait()
        self._room = room

    def _wait(self) -> None:
        """Give Kafka and the ledger a moment."""
        self._refuse_to_stay_behind()
        self._let_callbacks_run(_LOOK_EVERY_S)

    def _refuse_to_stay_behind(self) -> None:
        now = time.monotonic()
        if now - self._checked_at >= _CHECK_ENDPOINT_S:
            self._checked_at = now
            if has_moved(self._endpoint):
                raise KafkaMoved

    def _ahead(self) -> int:
        """Count what the ledger has not concluded, up to the last event of ours."""
        self._let_callbacks_run(0)
        reached = next_offsets(self._log)
        self._cap.follow(sum(reached.values()))
        behind = (end - reached.get(number, 0) for number, end in self._ends.items())
        return self._on_the_way + sum(max(0, each) for each in behind)

    def _let_callbacks_run(self, seconds: float) -> None:
        self._console.heed()
        if seconds and not len(self._producer):
            time.sleep(seconds)
        self._producer.poll(seconds)
        if self._failure is not None:
            raise self._failure

    def _note(self, result: Acknowledged | NotDelivered) -> None:
        self._on_the_way -= 1
        if isinstance(result, NotDelivered):
            self._failure = self._failure or result
        else:
            end = self._ends.get(result.partition, 0)
            self._ends[result.partition] = max(end, result.offset + 1)


class Cap:
    """How many events may be ahead: as many as the ledger has concluded in ``AHEAD_S``."""

    def __init__(self) -> None:
        self.events = LEAST_AHEAD
        # When how many were concluded: the last at least that long ago, and all since.
        self._seen: deque[tuple[float, int]] = deque()

    def follow(self, concluded: int) -> None:
        """Take in how many events the ledger has concluded in all by now."""
        now = time.monotonic()
        self._seen.append((now, concluded))
        while len(self._seen) > 2 and self._seen[1][0] <= now - AHEAD_S:
            self._seen.popleft()
        since, before = self._seen[0]
        rate = (concluded - before) / max(now - since, AHEAD_S)
        self.events = max(LEAST_AHEAD, min(MOST_AHEAD, round(rate * AHEAD_S)))


class _Waiting:
    """Notices that nothing moves, and says for whom it is waited."""

    def __init__(self, endpoint: Endpoint, console: Console) -> None:
        self._endpoint = endpoint
        self._console = console
        self._last: tuple[int, int] | None = None
        self._moved_at = time.monotonic()
        self._say_at = self._moved_at + _SAY_AFTER_S

    def look(self, on_the_way: int, ahead: int) -> float:
        """Take in the state, and give for how many seconds it has been the same."""
        now = time.monotonic()
        if (on_the_way, ahead) != self._last:
            self._last, self._moved_at = (on_the_way, ahead), now
            self._say_at = now + _SAY_AFTER_S
        elif now >= self._say_at:
            self._say_at = now + _SAY_AGAIN_S
            self._console.say(self._reason(on_the_way, ahead))
        return now - self._moved_at

    def _reason(self, on_the_way: int, ahead: int) -> str:
        if on_the_way:
            return (
                f"Waiting for Kafka at {self._endpoint.bootstrap_servers}: "
                f"{on_the_way:,} events are not acknowledged."
            )
        return (
            f"Waiting for the consumer: {ahead:,} events are ahead of the ledger. "
            "Is manage.py run_consumer running?"
        )
