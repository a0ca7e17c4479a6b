"""A child process that cannot outlive us, however we end."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# Waits for a word on its input, then becomes the program, under the same process id. Its
# input ends when we die, and then there is no word and no program.
_LAUNCHER = 'read -r go && exec "$@" </dev/null'

# Ends that process once its own input ends without a word, which our death alone brings
# about: the kernel closes our side of the pipe even after kill -9, on Linux and macOS.
_WATCHER = 'read -r done || kill -KILL "$1"'


class TetheredProcess:
    """A program that is killed when this process dies, and that takes no Ctrl-C.

    It has a session of its own: a signal of the terminal goes to us alone, who then end
    it in order.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        output: IO[bytes],
        keep_open: Sequence[int] = (),
    ) -> None:
        self._child = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _LAUNCHER, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            pass_fds=tuple(keep_open),
            start_new_session=True,
        )
        self._watcher = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _WATCHER, "sh", str(self._child.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Only now, so that there is no moment at which the program runs unwatched.
        _tell(self._child)

    @property
    def pid(self) -> int:
        """Give the process id of the program."""
        return self._child.pid

    def is_running(self) -> bool:
        """Say whether the program has not ended yet."""
        return self._child.poll() is None

    def wait(self, timeout: float | None = None) -> int:
        """Block until the program has ended, and give its exit code.

        Raises ``subprocess.TimeoutExpired``; it still runs then.
        """
        code = self._child.wait(timeout)
        _tell(self._watcher)
        self._watcher.wait()
        return code

    def end(self, grace_s: float) -> bool:
        """Ask the program to end, then make it. Says whether it ended by being asked."""
        self._child.terminate()
        try:
            self.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self.wait()
            return False
        return True


def _tell(shell: "subprocess.Popen[bytes]") -> None:
    if shell.stdin and not shell.stdin.closed:
        try:
            shell.stdin.write(b"go\n")
            shell.stdin.close()
        except BrokenPipeError:
            # It is gone already, and has nothing left to be told.
            return
