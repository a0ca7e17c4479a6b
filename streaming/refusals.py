"""What Kafka refuses for good: set aside, and tried again less and less often."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from accounts.outbox import Place

FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 60.0
# Where more places of a topic than this are refused, it is the topic that is in trouble.
MOST_OF_A_TOPIC: Final = 100


@dataclass
class _Refusal:
    delay_s: float
    due_at: float


class Refusals:
    """The places that rest: the row that Kafka refused, and all behind it, wait there.

    A place is a topic and a key, or a whole topic (its key is None) where the reason lies in
    the topic. Order within an account holds, and all other accounts go on.
    """

    def __init__(self) -> None:
        self._refused: dict[Place, _Refusal] = {}

    @property
    def places(self) -> Iterable[Place]:
        """The places of which nothing is to be published."""
        return self._refused.keys()

    def add(self, place: Place) -> bool:
        """Let ``place`` rest, longer than the last time; say whether it is a new one."""
        if place not in self._refused and self._is_crowded(place.topic):
            place = Place(place.topic, None)
        before = self._refused.get(place)
        delay_s = min(before.delay_s * 2, LONGEST_DELAY_S) if before else FIRST_DELAY_S
        self._refused[place] = _Refusal(delay_s, time.monotonic() + delay_s)
        return before is None

    def due(self) -> Place | None:
        """Give a place that is to be tried again, if there is one."""
        now = time.monotonic()
        return next((at for at, refusal in self._refused.items() if refusal.due_at <= now), None)

    def accept(self, place: Place) -> None:
        """Let ``place`` go on: Kafka has taken what it had refused there, or it is gone."""
        self._refused.pop(place, None)

    def rests(self, place: Place) -> bool:
        """Say whether nothing of ``place`` is to be published."""
        return place in self._refused or Place(place.topic, None) in self._refused

    def _is_crowded(self, topic: str) -> bool:
        return sum(each.topic == topic for each in self._refused) >= MOST_OF_A_TOPIC
