"""What a consumer measures: once a batch, and once a second how far it is behind."""

import time
from collections.abc import Collection, Mapping, Sequence

from accounts.events import PORTAL_SOURCE
from accounts.ledger.conclusions import Refused, Understood
from accounts.ledger.posting import Outcomes
from accounts.models.fields import milliseconds_at
from streaming.metrics import (
    BATCH_MESSAGES,
    BATCH_SECONDS,
    CLICK_TO_POSTED_SECONDS,
    CONSUMED,
    LAG_MESSAGES,
    LAG_SECONDS,
    LOCK_HOLD_SECONDS,
    LOCK_WAIT_SECONDS,
)


def measure_batch(outcomes: Outcomes) -> None:
    """Count a batch that is in the database."""
    fates = {
        "posted": outcomes.posted,
        "rejected": outcomes.rejected,
        "dead": outcomes.dead,
        "repeat": outcomes.repeats,
    }
    for fate, number in fates.items():
        CONSUMED.add(number, fate)
    BATCH_MESSAGES.observe(sum(fates.values()))
    BATCH_SECONDS.observe(max(0.0, time.time() - outcomes.posted_at_ms / 1000))
    LOCK_WAIT_SECONDS.observe(outcomes.waited_s)
    LOCK_HOLD_SECONDS.observe(outcomes.held_s)
    # What agents submit is a small part of a batch that is large.
    clicks = [
        milliseconds_at(each.event.submitted_at)
        for each in outcomes.entries
        if each.event.source == PORTAL_SOURCE
    ]
    now_ms = time.time_ns() // 1_000_000
    CLICK_TO_POSTED_SECONDS.observe_all([max(0, now_ms - each) / 1000 for each in clicks])


class Lag:
    """How far the partitions of one consumer are behind, by number and by time.

    The age of a message that was not read is not known. It was appended after the last one that
    was, and after the moment at which nothing was left to read: the later of the two bounds it.
    """

    def __init__(self) -> None:
        self._appended: dict[int, float] = {}
        self._caught_up: dict[int, float] = {}

    def note_read(
        self, posted: Sequence[Understood | Refused], partitions: Collection[int]
    ) -> None:
        """Take in the messages of a batch that is concluded, which are of ``partitions``."""
        found: dict[int, float] = {}
        for each in reversed(posted):
            found.setdefault(each.message.partition, each.message.logged_at_ms / 1000)
            if len(found) == len(partitions):
                break
        self._appended |= found

    def show(self, ends: Mapping[int, int], following: Mapping[int, int]) -> None:
        """Tell of the partitions that end at ``ends``, each concluded up to ``following``."""
        now = time.time()
        behind = {n: max(0, end - following.get(n, end)) for n, end in ends.items()}
        for number, count in behind.items():
            if not count or number not in self._caught_up:
                self._caught_up[number] = now
        LAG_MESSAGES.replace({(str(n),): count for n, count in behind.items()})
        LAG_SECONDS.replace(
            {(str(n),): self._since(n) if count else 0 for n, count in behind.items()}
        )

    def _since(self, number: int) -> float:
        return max(self._appended.get(number, 0), self._caught_up[number])
