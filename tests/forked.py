"""Does what ``python`` would with its words, in a process that is forked rather than started.

A suite starts some hundreds of commands, and each would import the same for half a second of the
processor; a fork takes a hundredth of that. What is forked reads its own environment and settings,
runs what a command line would, such as ``manage.py run_relay``, and ends as Python ends. Others see
it as ``python -m tests.forked``, and the hashes of its strings are those of its siblings. Tests of
a start itself, or of what a process is called, start it.
"""

import faulthandler
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import django
from django.conf import Settings, settings
from django.core.signals import setting_changed
from django.db import connections
from django.utils.functional import empty

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0
# What the forge tells of a process, on a pipe of its own: its id, and later its exit code.
_NUMBER = struct.Struct("q")


class Forked:
    """A process that was forked. What can be asked of it is called as in ``subprocess.Popen``."""

    def __init__(self, words: Sequence[str], pid: int, news: int) -> None:
        self.args = [sys.executable, *words]
        self.pid = pid
        self.returncode: int | None = None
        self._news = news
        self._turn = threading.Lock()

    def poll(self) -> int | None:
        """Give the exit code, or None while it runs."""
        with self._turn:
            if self.returncode is None and _has_come(self._news, 0):
                self.returncode = self._end()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code; ``subprocess.TimeoutExpired`` after so many seconds."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            # Another thread may hear of it first, and close this.
            _has_come(self._news, min(left_s, 0.5))
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _end(self) -> int:
        told = os.read(self._news, _NUMBER.size)
        os.close(self._news)
        if told:
            return int(_NUMBER.unpack(told)[0])
        # The forge has gone, and nobody would hear of its end.
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return -signal.SIGKILL


def _has_come(descriptor: int, timeout_s: float) -> bool:
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    return bool(ready.poll(timeout_s * 1000))


class _Forge:
    """The process that forks, started at its first use; it ends with this one, and ends its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._questions: socket.socket | None = None
        self._turn = threading.Lock()

    def start(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdout: IO[bytes],
        stderr: IO[bytes],
        pass_fds: Sequence[int] = (),
    ) -> Forked:
        """Start what ``python`` does with ``words`` in the folder of the clone."""
        news, tells = os.pipe()
        try:
            with TemporaryFile() as asked:
                asked.write(json.dumps([list(words), dict(environment), list(pass_fds)]).encode())
                asked.seek(0)
                passed = [asked.fileno(), tells, stdout.fileno(), stderr.fileno(), *pass_fds]
                with self._turn:
                    process, questions = self._started()
                    # One byte comes whole or not at all; what is asked is in the file.
                    socket.send_fds(questions, [b"?"], passed)
                # On macOS what is passed has to stay open until it has come.
                while not _has_come(news, 0.5):
                    assert process.poll() is None, "The forge has ended."
            return Forked(words, *_NUMBER.unpack(os.read(news, _NUMBER.size)), news)
        except BaseException:
            os.close(news)
            raise
        finally:
            os.close(tells)

    def run(
        self, words: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Do what ``python`` does with ``words``, to its end."""
        with TemporaryFile() as out, TemporaryFile() as err:
            process = self.start(words, environment, stdout=out, stderr=err)
            try:
                code = process.wait(PATIENCE_S)
            finally:
                process.kill()
            return subprocess.CompletedProcess(process.args, code, _read(out), _read(err))

    def _started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if not self._process or not self._questions or self._process.poll() is not None:
            self._questions, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.forked"],
                    cwd=ROOT,
                    env=_bare(os.environ) | {"DJANGO_SETTINGS_MODULE": "bankportal.settings"},
                    stdin=theirs,
                    stdout=subprocess.DEVNULL,
                    # A Ctrl-C is for the tests, which end this one by ending.
                    start_new_session=True,
                )
        return self._process, self._questions


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what a test may have set for the portal: the first that asks is not alone."""
    kept = ("PATH", "HOME", "LANG", "LC_", "TMPDIR", "XDG_", "PYTHON", "JAVA_HOME")
    return {name: value for name, value in environment.items() if name.startswith(kept)}


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


forge = _Forge()


class Asked(NamedTuple):
    """What a forked process is to be."""

    words: list[str]
    environment: dict[str, str]


def serve(questions: socket.socket) -> Asked | None:
    """Fork for each question; give the forked process what it is to be, and None at the end.

    Then those that still run are killed: nobody is left to do so.
    """
    # Nothing is done where a signal comes: it wakes the one who waits for questions.
    wakened, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([questions, wakened], [], [])
        if wakened in ready:
            os.read(wakened, 1024)
            _tell_of_ended(running)
        if questions not in ready:
            continue
        question, passed, *_ = socket.recv_fds(questions, 1, 64)
        if not question:
            break
        asked, tells, *kept = passed
        with os.fdopen(asked) as file:
            words, environment, numbers = json.load(file)
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            questions.detach()
            _keep_open(dict(zip([1, 2, *numbers], kept, strict=True)))
            return Asked(words, environment)
        for each in kept:
            os.close(each)
        running[child] = tells
        if not _tell(tells, child):
            os.kill(child, signal.SIGKILL)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    return None


def _tell_of_ended(running: dict[int, int]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            tells = running.pop(pid)
            _tell(tells, os.waitstatus_to_exitcode(status))
            os.close(tells)


def _tell(where: int, number: int) -> bool:
    """Say whether anybody is there to hear it."""
    try:
        return bool(os.write(where, _NUMBER.pack(number)))
    except BrokenPipeError:
        return False


def _keep_open(wanted: Mapping[int, int]) -> None:
    """Have each descriptor of ``wanted`` open under the number of its key, and no other one."""
    free = max(64, *wanted, *wanted.values()) + 1
    nothing = os.open(os.devnull, os.O_RDONLY)
    apart = {
        number: fcntl.fcntl(descriptor, fcntl.F_DUPFD, free)
        for number, descriptor in {0: nothing, **wanted}.items()
    }
    os.closerange(3, free)
    for number, descriptor in apart.items():
        os.dup2(descriptor, number)
        os.close(descriptor)


def become(what: Asked) -> None:
    """Run what Python would with those words, in a process of that environment."""
    os.environ.clear()
    os.environ.update(what.environment)
    if os.environ.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    _read_settings_anew()
    first, *others = what.words
    if first == "-c":
        code, *others = others
        sys.argv = ["-c", *others]
        django.setup(set_prefix=False)
        exec(compile(code, "<code of a test>", "exec"), {"__name__": "__main__"})
    elif first == "-m":
        module, *others = others
        sys.argv = [module, *others]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(what.words)
        runpy.run_path(first, run_name="__main__")


def _read_settings_anew() -> None:
    """Have the settings of this process's environment, and nothing made of the ones before."""
    settings._wrapped = empty
    vars(connections).pop("settings", None)
    connections.__init__()
    try:
        read = Settings(os.environ["DJANGO_SETTINGS_MODULE"])
    except Exception:
        # Whatever this process is to be meets it as well, and says it.
        return
    settings._wrapped = read
    for name in _ADDED.keys() - set(dir(read)):
        setattr(settings, name, _ADDED[name])
    for name in ("CACHES", "LANGUAGE_CODE", "TIME_ZONE"):
        value = getattr(read, name)
        setting_changed.send(Settings, setting=name, value=value, enter=True)


_IMPORTED = (
    # What Daphne imports but for the reactor, which is each process's own.
    "autobahn.twisted.websocket",
    "twisted.web.http",
    "bankportal.urls",
    "streaming.consumer",
    "streaming.relay",
    "streaming.sockets",
    "tests.builders",
    "tests.live",
    "tests.tampering",
    # Forgets what was made of a setting that has changed.
    "django.test.signals",
)
# Defaults of packages: they put them into the settings as they are imported.
_ADDED: dict[str, Any] = {}


def _prepare() -> None:
    """Set Django up, and import what processes do, before anything is forked."""
    django.setup()
    for name in _IMPORTED:
        importlib.import_module(name)
    own = set(dir(Settings("bankportal.settings")))
    _ADDED.update({name: getattr(settings, name) for name in set(dir(settings)) - own})
    # Made of the settings as they are imported: by each process for itself.
    for name in ("bankportal.message_storage", "bankportal.settings"):
        sys.modules.pop(name, None)
    assert not sys.modules.keys() & {"bankportal.asgi", "twisted.internet.reactor"}
    opened = [each for each in connections.all(initialized_only=True) if each.connection]
    assert not opened, "A fork may not use the connection of its parent."
    assert threading.active_count() == 1, "A fork would lack the threads that run already."


if __name__ == "__main__":
    gc.disable()
    _prepare()
    gc.freeze()
    gc.enable()
    mine = serve(socket.socket(fileno=os.dup(0)))
    if mine:
        become(mine)
