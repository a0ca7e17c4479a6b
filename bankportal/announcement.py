"""Tells the user when the portal can be used, where, and by whom."""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LOOK_S = 0.1
# The address is worth more than Kafka or the last rows of the history: submissions wait.
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Announcement:
    """What to say once the web server at ``host`` and ``port`` answers.

    The rest is waited for, but not for ever; ``say`` is told whether it is all there.
    """

    host: str
    port: int
    is_all_there: Callable[[], bool]
    say: Callable[[bool], None]

    def start(self) -> None:
        """Wait in a thread that ends with the process, and then say it."""
        threading.Thread(target=self._wait_and_say, daemon=True).start()

    def _wait_and_say(self) -> None:
        while not answers(self.host, self.port):
            time.sleep(LOOK_S)
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not (is_complete := self.is_all_there()) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        self.say(is_complete)


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
