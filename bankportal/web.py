"""The web server: on a socket that is bound already, as the supervisor runs it, or on its own."""

import resource
import sys
from contextlib import suppress
from importlib import import_module
from threading import Thread

from django.conf import settings

from bankportal.ports import listening_socket
from bankportal.process import Refused, run_process
from streaming.garbage import collect_garbage_less
from streaming.occupancy import Occupied, in_use
from streaming.scraping import scraped
from streaming.telemetry import spans_sent

# Ours send subscriptions of a few hundred bytes.
LARGEST_SOCKET_MESSAGE = 64 * 1024
# Some twenty pages' worth.
OBJECTS_A_LOOK = 20_000


def main() -> None:
    """Serve pages and sockets on the listening socket whose descriptor is the first argument.

    Without an argument it listens on ``BIND_ADDRESS`` and ``PORT`` itself.
    """
    _open_as_many_as_allowed()
    descriptor = sys.argv[1] if sys.argv[1:] else str(_listen())
    # Daphne brings the reactor with it, so it is imported by nobody but the web process. The
    # application, which Daphne would import next, sets Django up.
    import bankportal.asgi  # noqa: F401, PLC0415
    from bankportal.web_server import serve  # noqa: PLC0415

    # The first request would load the pages.
    import_module(settings.ROOT_URLCONF)
    # A look through all that is loaded held up every page and socket for 50 ms.
    collect_garbage_less(OBJECTS_A_LOOK, looks=8)

    words = [
        *("--fd", descriptor),
        *("--verbosity", "0"),
        *("--websocket-max-message-size", str(LARGEST_SOCKET_MESSAGE)),
        *("--websocket_timeout", "-1"),
        "--no-server-name",
        "bankportal.asgi:application",
    ]
    try:
        with in_use(), scraped(settings.METRICS_PORT), spans_sent("web"):
            # Whoever comes meanwhile is served, and waits for no more than without it.
            Thread(target=_read_ahead, name="reading ahead", daemon=True).start()
            serve(words)
    except Occupied as reason:
        raise Refused(str(reason)) from reason


def _open_as_many_as_allowed() -> None:
    """Take all the files that this process may open: most machines give 1,024 to begin with.

    Each live page is one of them. macOS may allow more than it gives; then they stay as they are.
    """
    _at_first, at_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (at_most, at_most))


def _listen() -> int:
    return listening_socket(settings.BIND_ADDRESS, settings.PORT, is_chosen=True).detach()


def _read_ahead() -> None:
    from django.db import connection  # noqa: PLC0415

    from accounts.selectors.reading_ahead import read_ahead  # noqa: PLC0415

    try:
        read_ahead()
    finally:
        connection.close()


if __name__ == "__main__":
    run_process(main)
