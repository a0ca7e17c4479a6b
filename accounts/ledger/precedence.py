"""Small writes to the SQLite file go before the next batch of a backlog.

SQLite grants its write lock to whoever asks first after it is free. A process that writes batch
after batch asks again at once, while its own handler lets everybody else ask less and less often:
they would wait for many batches. So they say that they wait, by a lock on a file beside the
database, and the batches give way.

It is courtesy only: SQLite's lock is what keeps two from writing at a time. The system frees a
dead process's locks, and nobody waits long for one that is frozen. Nothing of Django may be
imported here, since ``accounts.ledger.writing`` may not.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final

ASK_AGAIN_S: Final = 0.001
# Many times what a batch takes, which is about 50 ms.
LONGEST_BATCH_S: Final = 0.5
# Agents who submit without end must not stop the posting.
LONGEST_COURTESY_S: Final = 0.1

# Whether what is written now is a batch, which waits for none.
_is_batch: Final[ContextVar[bool]] = ContextVar("in a batch", default=False)


def batch_path(database: str) -> str:
    """Give the file locked while a batch is written."""
    return f"{database}-batch"


def waiting_path(database: str) -> str:
    """Give the file locked by each small write that waits."""
    return f"{database}-waiting"


@contextmanager
def before_the_next_batch(database: str) -> Iterator[None]:
    """Enter once no batch is being written; none begins until the context ends.

    In it begin a transaction, which keeps the batches out itself. Where no process has written
    batches to the file ``database``, there is nothing to wait for; nor is there in a batch.
    """
    if _is_batch.get():
        yield
        return
    with ExitStack() as held:
        with suppress(OSError):
            batch = held.enter_context(_opened(batch_path(database)))
            waiting = held.enter_context(_opened(waiting_path(database)))
            # Whoever writes batches looks at it for an instant, in which it cannot be had.
            _wait_until(
                lambda: _is_locked(waiting, fcntl.LOCK_SH) and _is_locked(batch, fcntl.LOCK_SH),
                LONGEST_BATCH_S,
            )
            # Kept, it would keep the next batch from showing that it is being written.
            fcntl.flock(batch, fcntl.LOCK_UN)
        yield


class Batches:
    """What writes batches to the file ``database``, one at a time."""

    def __init__(self, database: str) -> None:
        self._batch = _made(batch_path(database), like=database)
        try:
            self._waiting = _made(waiting_path(database), like=database)
        except OSError:
            os.close(self._batch)
            raise
        # Whether somebody waited when the last batch was written.
        self.are_waited_for = False

    @contextmanager
    def next(self) -> Iterator[None]:
        """Let those go first who wait, though not for ever; write the batch in the context."""
        _wait_until(self._nobody_waits, LONGEST_COURTESY_S)
        _is_locked(self._batch, fcntl.LOCK_EX)
        outside = _is_batch.set(True)
        try:
            yield
        finally:
            _is_batch.reset(outside)
            self.are_waited_for = not self._nobody_waits()
            _unlock(self._batch)

    def _nobody_waits(self) -> bool:
        try:
            return _is_locked(self._waiting, fcntl.LOCK_EX)
        finally:
            _unlock(self._waiting)


def _made(path: str, *, like: str) -> int:
    """Open a file for whoever may open ``like``, as SQLite has its own beside a database."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    found = Path(like).stat()
    # Of one that another has made before, nothing can be changed.
    with suppress(PermissionError):
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
        if os.geteuid() == 0:
            os.fchown(descriptor, found.st_uid, found.st_gid)
    return descriptor


@contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int, kind: int) -> bool:
    """Lock it at once or not at all: a frozen process may hold it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Where nothing can be locked, nobody is given way to, and all goes on.
        return True
    return True


def _unlock(descriptor: int) -> None:
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _wait_until(is_so: Callable[[], bool], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so() and time.monotonic() < deadline:
        time.sleep(ASK_AGAIN_S)
