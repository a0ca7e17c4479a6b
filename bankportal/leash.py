"""Ends this process when the supervisor that started it is gone, however that came about."""

import os
import signal
import threading
import time

# Names the end of a pipe whose other end only the supervisor has. Not a setting.
VARIABLE = "BANKPORTAL_LEASH"

# For finishing what is under way, once nobody supervises it any more.
GRACE_S = 10.0


def follow_supervisor() -> None:
    """Watch the supervisor's pipe from a thread of its own; do nothing without one.

    The kernel closes the pipe even after ``kill -9`` of the supervisor. The process then
    gets the signal by which it would have been stopped in order, and is killed if that
    does not end it.
    """
    descriptor = os.environ.pop(VARIABLE, "")
    if descriptor:
        os.set_inheritable(int(descriptor), False)
        threading.Thread(target=_wait_for_the_end, args=(int(descriptor),), daemon=True).start()


def _wait_for_the_end(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
