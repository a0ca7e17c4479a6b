"""Exclusive use of a folder among processes, by a lock that the system frees at any death."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockedByAnother(OSError):
    """Somebody else holds the lock; ``holder`` is its process id, or 0 when unknown."""

    def __init__(self, path: Path, holder: int) -> None:
        super().__init__(f"{path} is held by {f'process {holder}' if holder else 'another'}")
        self.holder = holder


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
