"""How a long-running command ends: when asked, with its work finished or untouched."""

import signal
import threading
from types import FrameType

# A deliberate stop that a restart cannot mend; the supervisor leaves such a child alone.
EXIT_DELIBERATE = 78


class DeliberateStop(Exception):
    """Going on would be wrong until somebody decides. The text says what and how."""


class StopRequest:
    """Becomes set at SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def listen(self) -> "StopRequest":
        """Take the signals of this process. Main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        return self

    def set(self) -> None:
        """Ask for the stop from within the process."""
        self._event.set()

    def is_set(self) -> bool:
        """Say whether to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the request, at most ``seconds``; say whether it came."""
        return self._event.wait(seconds)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()
