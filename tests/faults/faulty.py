"""A process of the portal with something wrong: ``python -m tests.faults.faulty FAULT WORDS...``.

``WORDS`` are a management command, or ``daphne`` and its arguments. ``FAULT`` is JSON:

- ``point`` and ``turn``: where in its work it is struck, the how-manieth time that it gets there;
- ``signal``: by what, kill -9 unless told;
- ``once``: a file that is made then; where it is there already, nothing strikes;
- ``clock_s``: by how much its clock is ahead;
- ``patience_s``: for how long it waits for the lock of the database.

The product has no hook for any of this: the functions that it calls are replaced before it starts.
"""

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

Work = Callable[..., Any]


@dataclass(frozen=True)
class Point:
    """A call in the work of a process, and on which side of it the process is struck."""

    owner: str
    name: str
    side: str


# At a commit, the call's own transaction is struck in its last moment.
POINTS = {
    "consumer before BEGIN": Point("streaming.consumer", "post_batch", "before"),
    "consumer in mid-batch": Point("accounts.ledger.sql", "add_entries", "after"),
    "consumer before COMMIT": Point("streaming.consumer", "post_batch", "at commit"),
    "consumer after COMMIT": Point("streaming.kafka.reader:Reader", "commit_hint", "before"),
    "relay in mid-batch": Point("streaming.kafka.producer:Producer", "publish", "after"),
    "relay before BEGIN": Point("accounts.outbox", "record_publications", "before"),
    "relay before COMMIT": Point("accounts.outbox", "record_publications", "at commit"),
    "relay after COMMIT": Point("accounts.outbox", "record_publications", "after"),
    "web after COMMIT": Point("accounts.views.submit", "submit_transaction", "after"),
}


class Striker:
    """Strikes its own process when it gets to a point for the ``turn``-th time."""

    def __init__(
        self, point: str, turn: int, by: signal.Signals, once: str | None, commit_of: Work
    ) -> None:
        self._name = point
        self._point = POINTS[point]
        self._left = turn
        self._by = by
        self._once = Path(once) if once else None
        self._commit_of = commit_of

    def prepare(self) -> None:
        """Replace the call; do nothing where it was to happen once and has."""
        if self._once and self._once.exists():
            return
        module, _, kind = self._point.owner.partition(":")
        owner = importlib.import_module(module)
        owner = getattr(owner, kind) if kind else owner
        setattr(owner, self._point.name, self._struck(getattr(owner, self._point.name)))

    def _struck(self, work: Work) -> Work:
        def at_this_side(*details: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._point.side == "before":
                self._strike()
            if self._left == 0 and self._point.side == "at commit":
                self._commit_of(self._strike)
            answer = work(*details, **named)
            if self._left == 0 and self._point.side == "after":
                self._strike()
            return answer

        return at_this_side

    def _strike(self) -> None:
        # Said on a line of its own: a process that is killed flushes nothing.
        os.write(2, f"Struck: {self._name}.\n".encode())
        if self._once:
            self._once.touch()
        os.kill(os.getpid(), self._by)


def before_each_commit(strike: Callable[[], None]) -> None:
    """Call ``strike`` before whatever Django commits from now on."""
    from django.db.backends.base.base import BaseDatabaseWrapper

    commit = BaseDatabaseWrapper._commit

    def struck(wrapper: BaseDatabaseWrapper) -> None:
        strike()
        commit(wrapper)

    BaseDatabaseWrapper._commit = struck


def turn_clock(ahead_s: float) -> None:
    """Let what the portal takes for now be ``ahead_s`` later."""
    from django.utils import timezone

    true_ns, true_time, true_now = time.time_ns, time.time, timezone.now
    time.time_ns = lambda: true_ns() + int(ahead_s * 1e9)
    time.time = lambda: true_time() + ahead_s
    timezone.now = lambda: true_now() + timedelta(seconds=ahead_s)


def limit_patience(database: dict[str, Any], seconds: int) -> None:
    """Wait for a lock of the database no longer than that."""
    if database["ENGINE"].endswith("postgresql"):
        database["OPTIONS"]["options"] = f"-c lock_timeout={seconds}s"
    else:
        database["OPTIONS"]["timeout"] = seconds


def main() -> None:
    """Prepare the fault, and go on as the process that was asked for."""
    fault, words = json.loads(sys.argv[1]), sys.argv[2:]
    import django
    from django.conf import settings

    if "clock_s" in fault:
        turn_clock(fault["clock_s"])
    if "patience_s" in fault:
        limit_patience(settings.DATABASES["default"], fault["patience_s"])
    django.setup()
    if "point" in fault:
        by = signal.Signals[fault.get("signal", "SIGKILL")]
        turn = fault.get("turn", 1)
        Striker(fault["point"], turn, by, fault.get("once"), before_each_commit).prepare()
    run(words)


def run(words: list[str]) -> None:
    from bankportal.process import run_process

    if words[0] == "daphne":
        from daphne.cli import CommandLineInterface

        CommandLineInterface().run(words[1:])
        return
    from django.core.management import execute_from_command_line

    run_process(lambda: execute_from_command_line(["manage.py", *words]))


if __name__ == "__main__":
    main()
