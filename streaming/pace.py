"""How many messages one batch takes."""

from typing import Final

# For so long may one batch hold the database's write lock, so that agents need not wait longer.
HOLD_S: Final = 0.05
FEWEST: Final = 200
MOST: Final = 4_000
_FIRST: Final = 1_000


class Pace:
    """Batches as large as hold the lock for ``HOLD_S``, by what the ones before took."""

    def __init__(self) -> None:
        self.batch_size = _FIRST

    def note(self, size: int, held_s: float) -> None:
        """Take in how long a batch of ``size`` messages held the lock."""
        if size < self.batch_size // 2 or held_s <= 0:
            # What a small batch takes is mostly the commit, and says little of a larger one.
            return
        fitting = size * HOLD_S / held_s
        smoothed = (3 * self.batch_size + fitting) / 4
        self.batch_size = int(min(MOST, max(FEWEST, smoothed)))
