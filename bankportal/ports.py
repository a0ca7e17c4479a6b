"""The web server's listening socket: on the port that was asked for, or on a free one."""

import errno
import socket
from contextlib import closing

from bankportal.process import Refused
from streaming.embedded.ports import holder_of

LAST_NEARBY = 20


def listening_socket(address: str, port: int, *, is_chosen: bool) -> socket.socket:
    """Give a socket that listens on ``port``, or on a free one near it unless it was chosen.

    The supervisor keeps it open, so that requests wait through a restart of the web server
    instead of being refused. Raises ``Refused``, naming the holder, for a chosen port that
    is taken.
    """
    try:
        return _listen(address, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or is_chosen:
            raise Refused(_why_not(address, port, error)) from error
    for nearby in range(port + 1, port + LAST_NEARBY):
        try:
            return _listen(address, nearby)
        except OSError:
            continue
    return _listen(address, 0)


def is_taken(address: str, port: int) -> bool:
    """Say whether somebody listens on ``port`` already."""
    try:
        _listen(address, port).close()
    except OSError:
        return True
    return False


def _listen(address: str, port: int) -> socket.socket:
    if port and _is_served_as_localhost(port):
        raise OSError(errno.EADDRINUSE, "Address already in use")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def _is_served_as_localhost(port: int) -> bool:
    """Say whether a browser that asks ``localhost`` would reach another server by IPv6."""
    try:
        with closing(socket.socket(socket.AF_INET6)) as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("::1", port)) == 0
    except OSError:
        # A machine without IPv6.
        return False


def _why_not(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is taken by {holder_of(port)}. "
            "End that, set PORT to another, or unset PORT for a free one."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is not open to this user. Set PORT to 1024 or above."
    return (
        f"Cannot listen on {address}, port {port} ({error.strerror}). "
        "Set BIND_ADDRESS to an address of this machine."
    )
