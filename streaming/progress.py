"""What a long command says about how far it is."""

import time
from collections.abc import Callable

Say = Callable[[str], None]

_SAY_EVERY_S = 2.0


class Progress:
    """Says every two seconds how many of ``total`` are done, how fast, and what is left."""

    def __init__(self, say: Say, doing: str, total: int | None = None) -> None:
        self._say = say
        self._doing = doing
        self._total = total
        self._done = 0
        self._started_at = self._said_at = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        """Take in that ``steps`` more are done."""
        self._done += steps
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            self._say(self._line(now - self._started_at))

    def _line(self, seconds: float) -> str:
        rate = self._done / seconds
        line = f"{self._doing} {self._done:,}"
        if self._total is None:
            return f"{line} rows, {rate:,.0f}/s"
        left_s = (self._total - self._done) / rate
        return f"{line} of {self._total:,} rows, {rate:,.0f}/s, {_duration(left_s)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
