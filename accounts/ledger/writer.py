"""A process that writes prepared transactions to the SQLite file, while this one goes on."""

import fcntl
import marshal
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NamedTuple

from accounts.ledger.sql import Step

COMMAND: Final = (sys.executable, "-m", "accounts.ledger.writing")
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
# As ``writing`` has it, which cannot be imported here: it brings another SQLite.
_SIZE: Final = struct.Struct(">Q")
# Without references to what was there before: to look for them takes longer than to write twice.
_PLAIN: Final = 2
# Longer than it waits for the lock. One that is frozen is ended, and what it had is posted anew.
LONGEST_ANSWER_S: Final = 30.0
# One that says nothing more has all but ended.
_END_S: Final = 1.0
# A batch of two thousand rows fits; Linux gives no more without further rights.
_PIPE_SIZE: Final = 1024 * 1024


class Written(NamedTuple):
    """What became of a transaction: whether it is written, and otherwise why not.

    ``waited_s`` and ``held_s`` are how long it waited for the write lock and held it, and
    ``was_waited_for`` whether somebody else waited for that in turn.
    """

    is_written: bool
    waited_s: float
    held_s: float
    was_waited_for: bool
    hindrance: str


class Writer:
    """Takes transactions one after the other, and answers each in turn.

    The first one that cannot be written is answered so, and no other after it is written: who
    sent it closes this writer, and begins again. A writer that dies answers likewise.
    """

    def __init__(self, database: Path, lock: Path, pragmas: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [*COMMAND, str(database), str(lock), *pragmas],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._heard = b""
        # Whether the process has found that it cannot do its work.
        self.cannot_begin = False
        self._to_send: SimpleQueue[bytes | None] = SimpleQueue()
        assert self._process.stdin is not None  # noqa: S101 # since it was asked for
        _widen(self._process.stdin.fileno())
        # A pipe takes what fits; the rest must not keep us from the next batch.
        self._sending = threading.Thread(target=self._send, daemon=True)
        self._sending.start()

    def begin(self, steps: Sequence[Step]) -> None:
        """Have a transaction written, of those of ``steps`` that have rows."""
        prepared = [
            (step.statement.replace("%s", "?"), step.rows, step.must_change)
            for step in steps
            if step.rows
        ]
        content = marshal.dumps(prepared, _PLAIN)
        self._to_send.put(_SIZE.pack(len(content)) + content)

    def wait(self) -> Written:
        """Wait for the answer to the oldest transaction that has none yet."""
        deadline = time.monotonic() + LONGEST_ANSWER_S
        while b"\n" not in self._heard:
            piece = self._read(deadline - time.monotonic())
            if not piece:
                self._note_end()
                return Written(False, 0.0, 0.0, False, "the writing process is silent or gone")
            self._heard += piece
        line, _end, self._heard = self._heard.partition(b"\n")
        word, waited_s, held_s, was_waited_for, *hindrance = line.decode().split()
        return Written(
            word == "written",
            float(waited_s),
            float(held_s),
            was_waited_for == "1",
            " ".join(hindrance),
        )

    def _note_end(self) -> None:
        """Say whether it has ended by itself for want of what it needs, not for a signal."""
        with suppress(subprocess.TimeoutExpired):
            self.cannot_begin = self._process.wait(_END_S) > 0

    def _read(self, patience_s: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 # since it was asked for
        answers = self._process.stdout.fileno()
        ready, _, _ = select.select([answers], [], [], max(0, patience_s))
        return os.read(answers, 4_096) if ready else b""

    def close(self) -> None:
        """End the process. What is not answered yet may have been written or not."""
        self._process.kill()
        self._process.wait()
        self._to_send.put(None)
        self._sending.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _send(self) -> None:
        pipe: Any = self._process.stdin
        while (content := self._to_send.get()) is not None:
            with suppress(BrokenPipeError):
                pipe.write(content)
                pipe.flush()


def _widen(pipe: int) -> None:
    """Let the pipe take a whole batch, where the system can do that."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
