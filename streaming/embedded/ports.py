"""Free ports for the broker, and who holds one that is not free."""

import contextlib
import random
import re
import socket
from collections.abc import Iterable

import psutil

from streaming.embedded import BrokerRefused

HOST = "127.0.0.1"

# Below what systems give to outgoing connections: a client that keeps asking for a dead
# broker on such a port can be connected to itself, and then the broker cannot come back.
CANDIDATES = range(20_000, 30_000)


class PortBusy(BrokerRefused):
    """The port that was asked for belongs to somebody else."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} is taken by {holder_of(port)}. "
            "End that, choose another --port, or give none for a free one."
        )


def port_asked_for(text: str) -> int:
    """Give the port that ``text`` names, or 0 for any; raise ``BrokerRefused`` for no port."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65_535:
        raise BrokerRefused(
            f"--port is {text!r}, which is no port. Give a number from 1 to 65535, or none for a "
            "free one."
        )
    return int(text)


def is_free(port: int) -> bool:
    """Say whether a server could listen on ``port`` of this machine now."""
    with socket.socket() as probe:
        # As Kafka does: connections of a former broker that still fade away do no harm.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def free_port(preferred: int, *, but_not: Iterable[int] = ()) -> int:
    """Give ``preferred`` if it is free, else any free port. 0 prefers none."""
    taken = set(but_not)
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    candidates = random.sample(CANDIDATES, k=len(CANDIDATES))
    free = (port for port in candidates if port not in taken and is_free(port))
    return next(free)


def require_free(port: int) -> None:
    """Raise ``PortBusy``, naming the holder, unless ``port`` is free."""
    if not is_free(port):
        raise PortBusy(port)


def holder_of(port: int) -> str:
    """Name the process that listens on ``port``, as far as the system lets us know."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            is_it = connection.laddr and connection.laddr.port == port
            if is_it and connection.status == psutil.CONN_LISTEN and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "a process that this user may not see"
