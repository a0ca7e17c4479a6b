"""Where figures come from: the machine, the versions, the commit, and what else went on."""

import ctypes
import os
import platform
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import msgspec
import psutil

_PR_SET_CHILD_SUBREAPER = 36
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    *("Django", "confluent-kafka", "daphne", "channels", "msgspec", "psycopg", "playwright"),
    "django-hordak",
)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be known of a run before its figures are compared with another's."""

    machine: str
    cores: int
    memory_gb: float
    system: str
    python: str
    versions: dict[str, str]
    commit: str
    is_altered: bool
    load_before: float


def origin() -> Origin:
    """Give where this run comes from."""
    return Origin(
        machine=_processor(),
        cores=len(psutil.Process().cpu_affinity()) if _is_linux() else os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=_versions(),
        commit=_git("rev-parse", "--short=12", "HEAD"),
        is_altered=bool(_git("status", "--porcelain", "--untracked-files=no")),
        load_before=load(),
    )


def browser() -> str | None:
    """Give the path of this machine's Chromium or Chrome, if it has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def load() -> float:
    """Give the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


@contextmanager
def orphans_counted(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Wait meanwhile for whatever outlives who started it below ``child``: it is ours.

    A PostgreSQL does, and some processes of a browser, and what they used would be taken for
    others'. On Linux; elsewhere nothing is told of others.
    """
    if not _is_linux():
        yield
        return
    system, ourselves = ctypes.CDLL(None), psutil.Process()
    # Whoever started these waits for them.
    started = {child.pid, *(each.pid for each in ourselves.children())}
    system.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    over = threading.Event()

    def wait_for_orphans() -> None:
        is_last = False
        while not is_last:
            is_last = over.wait(2)
            for each in ourselves.children():
                if each.pid not in started:
                    with suppress(ChildProcessError):
                        os.waitpid(each.pid, os.WNOHANG)

    waiting = threading.Thread(target=wait_for_orphans, daemon=True)
    waiting.start()
    try:
        yield
    finally:
        # Also for those that come to us in between.
        system.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        over.set()
        waiting.join()


class Neighbours:
    """How much of the machine others took, from its making until it is asked.

    Exact once all processes that this one started have ended and been waited for. None where the
    system does not tell.
    """

    def __init__(self) -> None:
        self._began = self._clocks()

    def share(self) -> float | None:
        """Give the share of all processors, 0 to 1, that was neither idle nor ours."""
        began, now = self._began, self._clocks()
        if began is None or now is None:
            return None
        wall, busy, ours = (after - before for before, after in zip(began, now, strict=True))
        return max(0.0, (busy - ours) / (wall * (os.cpu_count() or 1))) if wall else None

    @staticmethod
    def _clocks() -> tuple[float, float, float] | None:
        if not _is_linux():
            return None
        times = psutil.cpu_times()
        # Of a guest's share of a host, stolen time is what others took too.
        busy = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
        ours = sum(
            used.ru_utime + used.ru_stime
            for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
        return time.monotonic(), busy, ours


def _versions() -> dict[str, str]:
    from bankportal.sqlite import use_bundled_sqlite

    use_bundled_sqlite()
    import sqlite3

    from streaming.embedded.lock import KAFKA_VERSION

    packages = {}
    for name in PACKAGES:
        # Without `make bench` there is no django-hordak.
        with suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    return packages | {"SQLite": sqlite3.sqlite_version, "Kafka": KAFKA_VERSION}


def _processor() -> str:
    if _is_linux():
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*words: str) -> str:
    try:
        ran = subprocess.run(  # noqa: S603
            ["git", *words],  # noqa: S607 - whichever git there is
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return ran.stdout.strip()


def _is_linux() -> bool:
    return platform.system() == "Linux"
