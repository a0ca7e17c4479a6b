"""Where a fault's chances come from: a seed that is printed, and can be given again."""

import os
import random
from typing import Self


class Chances(random.Random):
    """Chances that a number decides."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)

    @classmethod
    def drawn(cls) -> Self:
        """Give those of ``SEED`` in the environment, or new ones; print the seed.

        What a test prints is shown when it fails; with SEED it makes the same choices again.
        """
        chosen = os.environ.get("SEED") or random.SystemRandom().randrange(2**32)
        print(f"SEED={chosen}", flush=True)
        return cls(int(chosen))
