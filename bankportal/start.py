"""One run of the portal on one ``DATA_DIR``: alone there, prepared, supervised, announced."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from socket import socket

import psutil
from django.conf import settings

from bankportal.announcement import Announcement
from bankportal.data_files import address_path, run_lock_path, sign_in_path
from bankportal.lock_watch import LockWatch
from bankportal.logs import as_json
from bankportal.parent import Parent
from bankportal.plans import portal_plans
from bankportal.ports import listening_socket
from bankportal.process import Refused
from bankportal.supervisor import Supervisor
from streaming.embedded import BrokerRefused
from streaming.embedded.java import find_java
from streaming.file_lock import LockedByAnother, held

# For what a killed run left behind to notice that it is alone, and to end.
LEFTOVERS_S = 20.0
# Without these nothing that is submitted is posted.
_CARRIERS = {"broker", "topics", "relay", "consumer"}


def run_portal(*, is_demo: bool, with_parent: bool) -> int:
    """Start everything, block until told to stop, end everything; give the exit code."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parent = Parent()
    refuse_unusable_java()
    with alone_in(settings.DATA_DIR) as lock:
        listener = listening_socket(
            settings.BIND_ADDRESS, settings.PORT, is_chosen=settings.PORT_IS_CHOSEN
        )
        tell_the_port(listener)
        address_path(settings.DATA_DIR).write_text(f"{address_of(listener)}\n", encoding="utf-8")
        prepare()
        supervisor = Supervisor(
            portal_plans(listener, is_demo=is_demo),
            say=say,
            folder=settings.BASE_DIR,
            lock_watch=None if settings.DATABASE_URL else LockWatch(database_path()),
            keep_open=(lock,),
            still_wanted=lambda: not with_parent or parent.wants_us(),
        )
        announce(listener, supervisor)
        return supervisor.run()


def refuse_unusable_java() -> None:
    """Raise ``Refused`` for a JAVA_HOME with which the embedded Kafka could not start."""
    if settings.JAVA_HOME and not settings.KAFKA_BOOTSTRAP_SERVERS:
        try:
            find_java(settings.JAVA_HOME)
        except BrokerRefused as reason:
            raise Refused(str(reason)) from reason


@contextmanager
def alone_in(data_dir: Path) -> Iterator[int]:
    """Keep every other run out of ``data_dir``; gives the lock, which children keep as well.

    Raises ``Refused``, naming the run that is there. What a killed run left behind is
    waited for.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = run_lock_path(data_dir)
    try:
        with held(lock, wait_s=0) as descriptor:
            yield descriptor
            return
    except LockedByAnother as other:
        if other.holder and psutil.pid_exists(other.holder):
            raise Refused(_already_running(data_dir, other.holder)) from other
    say("portal", "Waiting for what a killed run left behind to end")
    try:
        with held(lock, wait_s=LEFTOVERS_S) as descriptor:
            yield descriptor
    except LockedByAnother as other:
        raise Refused(_already_running(data_dir, other.holder)) from other


def _already_running(data_dir: Path, holder: int) -> str:
    address = ""
    with suppress(OSError):
        address = f" at {address_path(data_dir).read_text(encoding='utf-8').strip()}"
    return (
        f"The portal already runs on {data_dir}{address} (process {holder}). Use that one, stop "
        "it with Ctrl-C where it runs, or set DATA_DIR to another folder."
    )


def database_path() -> Path:
    """Give SQLite's file."""
    return Path(settings.DATABASES["default"]["NAME"])


def address_of(listener: socket) -> str:
    """Give the address for a browser on this machine; passkeys want a name, not a number."""
    return f"http://localhost:{listener.getsockname()[1]}/"


def tell_the_port(listener: socket) -> None:
    """Say so when the usual port was taken."""
    port = listener.getsockname()[1]
    if port != settings.PORT:
        say("portal", f"Port {settings.PORT} is taken; using {port} instead")


def prepare() -> None:
    """Bring database and static files up to date, in a process of its own.

    So that this one, which stays, neither loads the site nor opens the database.
    """
    code = subprocess.call([sys.executable, "-m", "bankportal.prepare"], cwd=settings.BASE_DIR)
    if code:
        sys.exit(code)


def announce(listener: socket, supervisor: Supervisor) -> None:
    """Print where to go and how to sign in, once that works, and what does not work yet."""
    address, port = listener.getsockname()[:2]
    host = "127.0.0.1" if address == "0.0.0.0" else address  # noqa: S104 # compared, not bound
    Announcement(
        host,
        port,
        missing=supervisor.missing,
        is_hopeless=lambda: bool(supervisor.stopped()),
        say=partial(welcome, address_of(listener), supervisor.stopped),
    ).start()


def welcome(address: str, stopped: Callable[[], Sequence[str]], missing: Sequence[str]) -> None:
    """Print where to go, what is ``missing`` yet, and what of it has ``stopped`` for good."""
    lines = ["", f"The {'pages are' if missing else 'portal is'} ready: {address}"]
    for_good = stopped()
    if not_working := [each for each in missing if each in for_good]:
        lines.append(f"Not working, as said above: {', '.join(not_working)}.")
    if coming := [each for each in missing if each not in for_good]:
        lines.append(f"Not ready yet: {', '.join(coming)}.")
    if _CARRIERS.intersection(missing):
        lines.append("What is submitted waits until all works.")
    if not settings.IS_LOCAL:
        lines.append(f"for your TLS proxy, which serves it as https://{settings.ALLOWED_HOSTS[0]}/")
    sign_in = sign_in_path(settings.DATA_DIR)
    if sign_in.exists():
        agents = sign_in.read_text(encoding="utf-8").splitlines()[0]
        lines.append(f"{agents}. Their password is in {sign_in}")
    for line in [*lines, "Ctrl-C stops everything.", ""]:
        say("portal", line)


def say(name: str, line: str) -> None:
    """Print a line of ours as it is, and a child's with its name before it; or all as JSON."""
    if settings.LOG_FORMAT == "json":
        if not line.strip():
            return
        shown = as_json(name, line)
    else:
        shown = line if name == "portal" else f"{name:<8} | {line}"
    with suppress(OSError):
        # The terminal may be gone; what runs must still be ended in order.
        print(shown, flush=True)
