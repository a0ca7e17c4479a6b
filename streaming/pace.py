"""How many messages one batch takes."""

import time
from typing import Final

# For so long may one batch hold the database's write lock, so that agents need not wait longer.
HOLD_S: Final = 0.05
# While agents wait for it: on a busy machine some batches take twice as long as they should.
HOLD_WHILE_WAITED_FOR_S: Final = 0.02
# For so long after the last one who waited, others are likely to.
_CONSIDERATE_S: Final = 2.0
FEWEST: Final = 200
MOST: Final = 4_000
_FIRST: Final = 1_000


class Pace:
    """Batches as large as hold the lock for so long, by what the ones before took."""

    def __init__(self) -> None:
        self._messages_a_second = _FIRST / HOLD_S
        self._considerate_until = 0.0

    @property
    def batch_size(self) -> int:
        """How many messages the next batch may take."""
        is_considerate = time.monotonic() < self._considerate_until
        hold_s = HOLD_WHILE_WAITED_FOR_S if is_considerate else HOLD_S
        return int(min(MOST, max(FEWEST, self._messages_a_second * hold_s)))

    def note(self, size: int, held_s: float, *, was_waited_for: bool = False) -> None:
        """Take in how long a batch of ``size`` held the lock, and whether somebody wanted it."""
        if was_waited_for:
            self._considerate_until = time.monotonic() + _CONSIDERATE_S
        if size < self.batch_size // 2 or held_s <= 0:
            # What a small batch takes is mostly the commit, and says little of a larger one.
            return
        self._messages_a_second = (3 * self._messages_a_second + size / held_s) / 4
