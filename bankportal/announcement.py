"""Tells the user when the portal can be used, where, and by whom."""

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LOOK_S = 0.1
LOOK_AGAIN_S = 1.0
# The address is worth more than Kafka or the last rows of the history: submissions wait.
LONGEST_WAIT_S = 10.0


@dataclass(frozen=True)
class Announcement:
    """What to say once the web server at ``host`` and ``port`` answers.

    ``missing`` names what does not work yet. It is waited for, but not for long, and not at all
    once ``is_hopeless``; ``say`` is then told what is missing, and once more when nothing is.
    """

    host: str
    port: int
    missing: Callable[[], Sequence[str]]
    is_hopeless: Callable[[], bool]
    say: Callable[[Sequence[str]], None]

    def start(self) -> None:
        """Wait in a thread that ends with the process, and then say it."""
        threading.Thread(target=self._wait_and_say, daemon=True).start()

    def _wait_and_say(self) -> None:
        while not answers(self.host, self.port):
            time.sleep(LOOK_S)
        deadline = time.monotonic() + LONGEST_WAIT_S
        while (missing := self.missing()) and self._is_worth_waiting(deadline):
            time.sleep(LOOK_S)
        self.say(missing)
        if missing:
            while self.missing():
                time.sleep(LOOK_AGAIN_S)
            self.say(())

    def _is_worth_waiting(self, deadline: float) -> bool:
        return time.monotonic() < deadline and not self.is_hopeless()


def answers(host: str, port: int) -> bool:
    """Say whether the portal's web server answers there. Asks directly, past any proxy."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
