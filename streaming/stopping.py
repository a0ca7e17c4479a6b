"""How a long-running command ends: when asked, with its work finished or untouched."""

import queue
import signal
from types import FrameType

# A deliberate stop that a restart cannot mend; the supervisor leaves such a child alone.
EXIT_DELIBERATE = 78
# As sysexits.h has it: a temporary failure. The supervisor tries again, each time later.
EXIT_TRY_AGAIN = 75


class DeliberateStop(Exception):
    """Going on would be wrong until somebody decides. The text says what and how."""


class StopRequest:
    """Becomes set at SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self._is_set = False
        # Not an Event: a signal that comes while this thread holds the Event's lock would wait
        # for that lock for ever. A SimpleQueue may be put to in the midst of its own get.
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()

    def listen(self) -> "StopRequest":
        """Take the signals of this process. Main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        return self

    def set(self) -> None:
        """Ask for the stop from within the process."""
        self._is_set = True
        self._asked.put(None)

    def is_set(self) -> bool:
        """Say whether to stop."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait for the request, at most ``seconds``; say whether it came."""
        try:
            self._asked.get(timeout=max(seconds, 0))
        except queue.Empty:
            return self._is_set
        self._asked.put(None)  # for whoever waits next
        return True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.set()
