"""Runs code with Django set up in a process that is forked for it, rather than started.

What tests prepare with, such as an agent or a submission, is done by code that is no subject of
theirs: to start Python and Django for each piece takes half a second of the processor, a fork a
hundredth of it. What is tested is started as its user starts it.
"""

import gc
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from django.db import connections

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0


class Ran(NamedTuple):
    """How a piece of code ended, and what it said."""

    code: int
    stdout: str
    stderr: str


class _Forge:
    """The process that forks, started at its first use; it ends when this process does."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def run(self, code: str, environment: Mapping[str, str]) -> Ran:
        """Run ``code`` in the folder of the clone and with that environment, to its end."""
        with self._turn:
            process = self._started()
            watch = threading.Timer(PATIENCE_S, process.kill)
            watch.start()
            try:
                process.stdin.write(json.dumps([code, dict(environment)]) + "\n")
                process.stdin.flush()
                return Ran(*json.loads(process.stdout.readline()))
            except BaseException:
                # Whoever asks next is to get the answer to their own question.
                process.kill()
                raise
            finally:
                watch.cancel()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # A Ctrl-C is for the tests, which end this one by ending.
                start_new_session=True,
            )
        return self._process


forge = _Forge()


def serve(asked: IO[str], answered: IO[str]) -> None:
    """Answer one line with one line until there are no more."""
    for line in asked:
        code, environment = json.loads(line)
        with TemporaryFile() as out, TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _become(code, environment, out, err)
            _pid, status = os.waitpid(child, 0)
            said = [_read(out), _read(err)]
        answered.write(json.dumps([os.waitstatus_to_exitcode(status), *said]) + "\n")
        answered.flush()


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _become(code: str, environment: dict[str, str], out: IO[bytes], err: IO[bytes]) -> None:
    """Be a process of that environment which runs ``code``, and end."""
    ended = 1
    try:
        with Path(os.devnull).open("rb") as nothing:
            for number, file in enumerate((nothing, out, err)):
                os.dup2(file.fileno(), number)
        os.environ.clear()
        os.environ.update(environment)
        _read_settings_anew()
        exec(compile(code, "<code of a test>", "exec"), {"__name__": "__main__"})
        # As the end of Python does it: SQLite writes its log into the database.
        connections.close_all()
        ended = 0
    except SystemExit as asked:
        ended = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended)


def _read_settings_anew() -> None:
    from django.conf import settings
    from django.core.cache import caches
    from django.utils.log import configure_logging

    read = importlib.reload(importlib.import_module("bankportal.settings"))
    # Those of a test go on from the portal's.
    if (name := os.environ["DJANGO_SETTINGS_MODULE"]) != read.__name__:
        read = importlib.import_module(name)
    # Beside these are the defaults that packages have added as they were imported.
    for name in filter(str.isupper, dir(read)):
        setattr(settings, name, getattr(read, name))
    # They know databases and caches by the settings that were read before.
    for handler in (connections, caches):
        vars(handler).pop("settings", None)
        handler.__init__()
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


def _prepare() -> None:
    """Set Django up, and import what the code of tests does, before anything is forked."""
    import django

    django.setup()
    import tests.builders
    import tests.live
    import tests.tampering  # noqa: F401

    opened = [each for each in connections.all(initialized_only=True) if each.connection]
    assert not opened, "A fork may not use the connection of its parent."
    assert threading.active_count() == 1, "A fork would lack the threads that run already."


if __name__ == "__main__":
    gc.disable()
    os.environ["DJANGO_SETTINGS_MODULE"] = "bankportal.settings"
    _prepare()
    gc.freeze()
    gc.enable()
    # What code prints goes elsewhere; of this process nobody is to see more than the answers.
    answers = os.fdopen(os.dup(1), "w")
    serve(os.fdopen(os.dup(0)), answers)
