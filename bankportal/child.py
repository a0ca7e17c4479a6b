"""One child of the supervisor: how it is started, listened to, ended and read off."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bankportal import leash

# A line that never ends is passed on in pieces of this size.
LONGEST_LINE = 64 * 1024


def always() -> bool:
    """Hold back nothing: for a child that may start at once."""
    return True


def nothing() -> None:
    """Do nothing: for a child whose end has no consequence."""


@dataclass(frozen=True)
class Fallback:
    """What to run instead, and what to tell the user about it once it works."""

    command: tuple[str, ...]
    notice: str


@dataclass(frozen=True)
class ChildPlan:
    """What to run, when, and what its end means.

    ``after``: those that have to be over first. ``runs_once``: it is over when it exits 0,
    and not started again. ``final_codes``: exits that starting again does not mend, besides 78.
    ``fallbacks``: what to run instead, by exit code. ``is_vital``: nothing makes sense without
    it. ``says_when_ready``: words of the line by which it tells that it works; without them it
    counts as working once it runs.
    """

    name: str
    command: tuple[str, ...]
    runs_once: bool = False
    says_when_ready: str = ""
    is_vital: bool = False
    after: tuple[str, ...] = ()
    may_start: Callable[[], bool] = always
    when_done: Callable[[], None] = nothing
    final_codes: frozenset[int] = frozenset()
    fallbacks: Mapping[int, Fallback] = field(default_factory=dict)
    grace_s: float = 10.0
    keep_open: tuple[int, ...] = ()


class Child:
    """A running process of a plan. Its output comes as lines from ``new_lines``."""

    def __init__(
        self, command: tuple[str, ...], *, folder: Path, keep_open: tuple[int, ...]
    ) -> None:
        leash_end, *_others = keep_open
        self._process = subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env=os.environ | {leash.VARIABLE: str(leash_end), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=keep_open,
            # A Ctrl-C is for the supervisor, who then ends its children in order.
            process_group=0,
        )
        assert self._process.stdout is not None  # noqa: S101 # since it was asked for
        self.output = self._process.stdout
        os.set_blocking(self.output.fileno(), False)
        self._unfinished = b""
        self.last_line = ""
        self.has_closed_output = False

    @property
    def pid(self) -> int:
        """Give the process id."""
        return self._process.pid

    def new_lines(self) -> Iterator[str]:
        """Give the lines said since the last call. Never blocks."""
        while piece := self._read():
            *lines, self._unfinished = (self._unfinished + piece).split(b"\n")
            if len(self._unfinished) > LONGEST_LINE:
                lines.append(self._unfinished)
                self._unfinished = b""
            yield from map(self._heard, lines)

    def last_words(self) -> Iterator[str]:
        """Give what is left once the process has ended, a line without an end included."""
        yield from self.new_lines()
        if self._unfinished:
            yield self._heard(self._unfinished)
        self._unfinished = b""
        self.output.close()

    def exit_code(self) -> int | None:
        """Give the exit code, negative for a signal, or None while it runs."""
        return self._process.poll()

    def ask_to_end(self) -> None:
        """Send the signal for an orderly end."""
        self._process.terminate()

    def has(self, pid: int) -> bool:
        """Say whether that process is this one, or one that it has started."""
        try:
            return os.getpgid(pid) == self.pid
        except ProcessLookupError:
            return False

    def kill(self) -> None:
        """End it now, with what it has started in its process group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _read(self) -> bytes:
        try:
            piece = os.read(self.output.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return b""
        self.has_closed_output = not piece
        return piece

    def _heard(self, line: bytes) -> str:
        text = line.decode("utf-8", errors="replace").rstrip()
        if text:
            self.last_line = text
        return text


def in_words(exit_code: int) -> str:
    """Say how a process ended."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
