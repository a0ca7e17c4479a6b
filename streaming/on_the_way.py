"""What the relay has in hand: rows taken from the outbox and not yet recorded as published."""

from collections import deque
from collections.abc import Collection, Iterable
from typing import Final

from accounts.models import Outbox
from accounts.outbox import MOST_BYTES, Place, place_of

# Bounds what is published again after a kill, and the memory that a long outage takes.
MOST_ROWS: Final = 2_000
# More rows than this of one place wait in the outbox, so that one busy account fills no hand.
MOST_OF_A_PLACE: Final = 200


class OnTheWay:
    """Rows in outbox order within each place, of which Kafka has the first one only.

    The next one follows when that is acknowledged. So nothing overtakes a row that Kafka
    refuses, and whatever is published twice after a death keeps its order.
    """

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._queues: dict[Place, deque[Outbox]] = {}

    @property
    def row_ids(self) -> Collection[int]:
        """The rows that are taken."""
        return self._sizes.keys()

    @property
    def room(self) -> int:
        """How many more rows may be taken."""
        return max(0, MOST_ROWS - len(self._sizes)) if self.bytes_free > 0 else 0

    @property
    def bytes_free(self) -> int:
        """How many more bytes may be taken; a row may exceed it once."""
        return MOST_BYTES - sum(self._sizes.values())

    @property
    def is_at_kafka(self) -> bool:
        """Whether any row waits for its acknowledgement."""
        return bool(self._queues)

    @property
    def crowded(self) -> set[Place]:
        """The places of which no more rows are to be taken now."""
        return {place for place, rows in self._queues.items() if len(rows) >= MOST_OF_A_PLACE}

    def take(self, row: Outbox) -> bool:
        """Take ``row``, the next one of its place; say whether it is to be published now."""
        self._sizes[row.pk] = len(row.value or b"") + len(row.key or b"")
        queue = self._queues.setdefault(place_of(row), deque())
        queue.append(row)
        return len(queue) == 1

    def acknowledge(self, row: Outbox) -> Outbox | None:
        """Give the row that is to be published next in its place, if there is one."""
        place = place_of(row)
        queue = self._queues[place]
        queue.popleft()
        if not queue:
            del self._queues[place]
            return None
        return queue[0]

    def drop(self, row: Outbox) -> None:
        """Leave ``row`` and all behind it in its place to the outbox."""
        for each in self._queues.pop(place_of(row)):
            del self._sizes[each.pk]

    def forget(self, row_ids: Iterable[int]) -> None:
        """Let go of rows that are recorded as published."""
        for row_id in row_ids:
            del self._sizes[row_id]
