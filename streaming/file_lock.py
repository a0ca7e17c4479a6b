"""Exclusive use of something among processes, by a lock that the system frees at any death."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class LockedByAnother(OSError):
    """Somebody else holds the lock; ``holder`` is its process id, or 0 when unknown."""

    def __init__(self, path: Path, holder: int) -> None:
        super().__init__(f"{path} is held by {f'process {holder}' if holder else 'another'}")
        self.holder = holder


class FileHolder(NamedTuple):
    """Who holds a lock: its process id, or 0 when unknown, and since when."""

    pid: int
    since_ms: int


@contextmanager
def held(path: Path, *, wait_s: float) -> Iterator[int]:
    """Hold the lock ``path``; gives its file descriptor.

    A child that inherits the descriptor keeps the lock until it ends too. Blocks up to
    ``wait_s`` and then raises ``LockedByAnother``.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait_for(descriptor, path, time.monotonic() + wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def holder_of(path: Path) -> FileHolder | None:
    """Give who holds the lock ``path``, or None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that two who ask are not taken for holders by each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return FileHolder(_holder(descriptor), os.fstat(descriptor).st_mtime_ns // 1_000_000)
    else:
        return None
    finally:
        os.close(descriptor)


def is_same_file(descriptor: int, path: Path) -> bool:
    """Say whether ``path`` still is the file of ``descriptor``, and not removed or another."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _wait_for(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            if time.monotonic() >= deadline:
                raise LockedByAnother(path, _holder(descriptor)) from taken
            time.sleep(0.05)
        else:
            return


def _holder(descriptor: int) -> int:
    content = os.pread(descriptor, 20, 0).strip()
    return int(content) if content.isdigit() else 0
