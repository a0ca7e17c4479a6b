"""Supervisors and portals under test: started, read, and always ended."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings

from tests.processes import wait_until

ROOT = Path(settings.BASE_DIR)


class Run:
    """A started program whose output goes to a file."""

    def __init__(
        self,
        command: list[str],
        output: Path,
        *,
        folder: Path = ROOT,
        environment: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=clean_environment() if environment is None else environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # As a terminal does it: a group of its own, to which Ctrl-C goes.
                process_group=0,
                pass_fds=pass_fds,
            )

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for(self, text: str, patience_s: float = 60.0) -> None:
        """Wait until it has said ``text``; fail with all it said when it ends before."""

        def is_said() -> bool:
            assert self.process.poll() is None or text in self.said, self.said
            return text in self.said

        try:
            wait_until(is_said, f"it says {text!r}", patience_s)
        except AssertionError as failure:
            failure.add_note(self.said)
            raise

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self, patience_s: float = 60.0) -> int:
        """Wait for its end and give the exit code."""
        return self.process.wait(patience_s)

    def remove(self) -> None:
        """End it with everything it started, however far it got."""
        with suppress(psutil.NoSuchProcess):
            family = self.descendants()
            self.process.kill()
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        self.process.wait(30)


def clean_environment() -> dict[str, str]:
    """Give the environment without what is meant for the suite or for its user's portal."""
    # Make tells a make inside it that it is not the first.
    foreign = ("PYTEST_", "DJANGO_", "KAFKA_", "BANKPORTAL_", "MAKE", "MFLAGS")
    settings_of_user = {"PORT", "DATA_DIR", "DATABASE_URL", "ALLOWED_HOSTS", "DEMO_PASSWORD"}
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and name not in settings_of_user
    }


def are_gone(processes: list[psutil.Process]) -> bool:
    """Say whether none of them runs; one that only waits to be read off is gone."""
    return all(not each.is_running() or each.status() == psutil.STATUS_ZOMBIE for each in processes)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start programs that are ended with the test."""
    runs: list[Run] = []

    def start(command: list[str], **more: Any) -> Run:
        runs.append(Run(command, tmp_path / f"output-{len(runs)}.txt", **more))
        return runs[-1]

    yield start
    for each in runs:
        each.remove()


@pytest.fixture
def supervise(run: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """Start a supervisor with children that are given as keyword dictionaries.

    ``before`` is a command that runs it, such as one that makes it deaf.
    """

    def start(
        *children: dict[str, Any], database: Path | None = None, before: Sequence[str] = ()
    ) -> Run:
        plan = tmp_path / "plan.json"
        plan.write_text(
            json.dumps({"children": children, "database": str(database) if database else None})
        )
        return run([*before, sys.executable, "-u", "-m", "tests.site.supervised", str(plan)])

    return start
