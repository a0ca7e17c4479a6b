"""Finds the process that sits on SQLite's write lock, so that the supervisor can end it."""

import fcntl
import os
import struct
import sys
from pathlib import Path

# A writer in WAL mode holds this byte of the -shm file ("WAL-mode File Format" in SQLite's
# documentation), so the system itself can say who it is.
WRITE_LOCK_BYTE = 120

LONGEST_HOLD_S = 10.0
QUIET_LOOK_S = 1.0
# Far shorter than the gap a busy writer leaves between two batches is not needed: over ten
# seconds some look falls into a gap, and one is enough to show that the holder moves on.
WARY_LOOK_S = 0.02

# struct flock differs between systems.
_IS_MAC = sys.platform == "darwin"
_FLOCK = "qqihh" if _IS_MAC else "hhqqi"


class LockWatch:
    """Tells of a process that has held the write lock of ``database`` without a pause.

    Opens no database: it asks the system, and can neither take the lock nor delay it.
    """

    def __init__(self, database: Path) -> None:
        self._shared_memory = database.with_name(database.name + "-shm")
        self._holder: int | None = None
        self._held_since = self._looked_at = 0.0

    @property
    def seconds_to_next_look(self) -> float:
        """Give how long to wait before ``stuck_holder`` is worth asking again."""
        return QUIET_LOOK_S if self._holder is None else WARY_LOOK_S

    def stuck_holder(self, now: float) -> int | None:
        """Give the id of the process that has held the lock for too long, seen at each look.

        Told once in each such span. A pause between looks that is longer than usual proves
        nothing, and starts anew.
        """
        holder = write_lock_holder(self._shared_memory)
        looks_missed = now - self._looked_at > 2 * QUIET_LOOK_S
        self._looked_at = now
        if holder is None or holder != self._holder or looks_missed:
            self._holder, self._held_since = holder, now
            return None
        if now - self._held_since < LONGEST_HOLD_S:
            return None
        self._held_since = now
        return holder


def write_lock_holder(shared_memory: Path) -> int | None:
    """Give the id of the process that holds the write lock now, or None.

    The calling process must have no connection to the database: closing a file gives up
    all of a process's locks on it.
    """
    try:
        descriptor = os.open(shared_memory, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, _wish())
    finally:
        os.close(descriptor)
    kind, holder = _understood(answer)
    return None if kind == fcntl.F_UNLCK else holder


def _wish() -> bytes:
    if _IS_MAC:
        return struct.pack(_FLOCK, WRITE_LOCK_BYTE, 1, 0, fcntl.F_WRLCK, os.SEEK_SET)
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, WRITE_LOCK_BYTE, 1, 0)


def _understood(answer: bytes) -> tuple[int, int]:
    parts = struct.unpack(_FLOCK, answer)
    return (parts[3], parts[2]) if _IS_MAC else (parts[0], parts[4])
