"""How a command that is run once is asked to stop, and what it says then."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from streaming.progress import Console, Interrupted
from streaming.stopping import StopRequest

EXIT_INTERRUPTED = 130


@contextmanager
def stoppable(write: Callable[[str], None]) -> Iterator[Console]:
    """Give the console of a command that SIGTERM and SIGINT stop at its next safe moment.

    By a request rather than an exception: one that is raised inside the Kafka client ends it
    with an error of its own. Main thread only.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield Console(write, StopRequest().listen())
    except Interrupted as interrupted:
        raise CommandError(
            "Stopped. Run the same command again to go on; nothing is posted twice.",
            returncode=EXIT_INTERRUPTED,
        ) from interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
