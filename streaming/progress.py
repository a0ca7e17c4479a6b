"""What a long command says to whoever started it, and how it is asked to stop."""

import time
from collections.abc import Callable

from streaming.counting import counted
from streaming.stopping import StopRequest

_SAY_EVERY_S = 2.0


class Interrupted(Exception):
    """Asked to stop in the middle. What was done stays done."""


class Console:
    """Whoever runs a command: is told how it goes, and may ask it to stop."""

    def __init__(self, write: Callable[[str], None], stop: StopRequest) -> None:
        self.say = write
        self.stop = stop

    def heed(self) -> None:
        """Raise ``Interrupted`` once the command was asked to stop."""
        if self.stop.is_set():
            raise Interrupted


class Progress:
    """Says now and then how many of ``total`` are done, how fast, and what is left."""

    def __init__(
        self,
        console: Console,
        doing: str,
        total: int | None = None,
        *,
        unit: str = "row",
        say_every_s: float = _SAY_EVERY_S,
    ) -> None:
        self._console = console
        self._doing = doing
        self._total = total
        self._unit = unit
        self._say_every_s = say_every_s
        self._done = 0
        self._started_at = self._said_at = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        """Take in that ``steps`` more are done. Raises ``Interrupted`` when asked to stop."""
        self._console.heed()
        self._done += steps
        now = time.monotonic()
        if now - self._said_at >= self._say_every_s:
            self._said_at = now
            self._console.say(self._line(now - self._started_at))

    def _line(self, seconds: float) -> str:
        rate = self._done / seconds
        if self._total is None:
            return f"{self._doing} {counted(self._done, self._unit)}, {rate:,.0f}/s"
        left_s = (self._total - self._done) / rate
        done = f"{self._done:,} of {counted(self._total, self._unit)}"
        return f"{self._doing} {done}, {rate:,.0f}/s, {_duration(left_s)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
