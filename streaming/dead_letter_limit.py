"""How many dead letters a consumer takes before it asks for somebody's look."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from accounts.ledger.conclusions import Dead, Refused, Understood

# A share is one of this many messages of a partition, so that a few at the start are none.
WINDOW: Final = 2_000

Read = Understood | Refused


class TooManyDead(Exception):
    """The limit is reached within a batch, at the last of its first ``length`` messages."""

    def __init__(self, length: int) -> None:
        super().__init__(f"The limit of dead letters is reached at message {length} of the batch.")
        self.length = length


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the limit was reached: at the message ``index`` of a batch, by which rule."""

    index: int
    letter: Refused
    in_a_row: int
    in_window: int
    setting: str


@dataclass(slots=True)
class _Partition:
    seen: int = 0
    in_a_row: int = 0
    # Which of the messages seen were dead, among the last ``WINDOW``.
    dead_at: deque[int] = field(default_factory=deque)

    def add(self, *, is_dead: bool) -> None:
        self.seen += 1
        self.in_a_row = self.in_a_row + 1 if is_dead else 0
        if is_dead:
            self.dead_at.append(self.seen)
        self._forget()

    def add_alive(self, number: int) -> None:
        self.seen += number
        self.in_a_row = 0
        self._forget()

    def _forget(self) -> None:
        while self.dead_at and self.dead_at[0] <= self.seen - WINDOW:
            self.dead_at.popleft()


class DeadLetterLimit:
    """Counts what became of each partition's messages, in log order, since it was made.

    Reached by ``most_in_a_row`` dead letters one after the other, or where more than
    ``most_percent`` of a partition's last ``WINDOW`` messages are dead. It decides where a
    consumer stops, never what becomes of a message (law 1).
    """

    def __init__(self, *, most_in_a_row: int, most_percent: int) -> None:
        self._most_in_a_row = most_in_a_row
        self._most_in_window = WINDOW * most_percent // 100
        self._partitions: dict[int, _Partition] = {}

    def review(self, messages: Sequence[Read], dead: Sequence[Dead]) -> None:
        """Raise ``TooManyDead`` where the limit is reached before the last of ``messages``.

        ``dead`` are the dead letters among them. Counts nothing, so it may be repeated.
        """
        reached = deepcopy(self).count(messages, dead) if dead else None
        if reached is not None and reached.index < len(messages) - 1:
            raise TooManyDead(reached.index + 1)

    def count(self, messages: Sequence[Read], dead: Sequence[Dead]) -> Reached | None:
        """Count ``messages`` up to the one that reaches the limit; give that one, if any."""
        if not dead:
            self._count_alive(messages)
            return None
        for index, partition, letter in _fates(messages, dead):
            state = self._partitions.setdefault(partition, _Partition())
            state.add(is_dead=letter is not None)
            if letter is not None and (setting := self._passed(state)):
                return Reached(index, letter, state.in_a_row, len(state.dead_at), setting)
        return None

    def _count_alive(self, messages: Sequence[Read]) -> None:
        for partition, number in Counter(read.message.partition for read in messages).items():
            self._partitions.setdefault(partition, _Partition()).add_alive(number)

    def _passed(self, state: _Partition) -> str:
        if state.in_a_row >= self._most_in_a_row:
            return "DEAD_LETTER_MOST_IN_A_ROW"
        if state.seen >= WINDOW and len(state.dead_at) > self._most_in_window:
            return "DEAD_LETTER_MOST_PERCENT"
        return ""


def _fates(
    messages: Sequence[Read], dead: Sequence[Dead]
) -> Iterator[tuple[int, int, Refused | None]]:
    letters = {
        (each.refused.message.partition, each.refused.message.offset): each.refused for each in dead
    }
    for index, read in enumerate(messages):
        place = read.message.partition, read.message.offset
        yield index, read.message.partition, letters.get(place)
