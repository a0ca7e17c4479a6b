"""Whether agents wait while a large import is posted.

A history file is imported by the portal's own command through a real Kafka and consumer. Meanwhile
an agent submits again and again, and another one's socket waits for the row. Beside it stands the
same without the import. The cap on what an import is ahead of the ledger holds if it is never
passed, and costs nothing if an import without it is no faster.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.figure import Beside, Figure, Target, at_least, at_most, in_turn, percentile
from bench.pipeline import (
    ROOT,
    concluded,
    openings,
    publish,
    running,
    serving,
    temporary_portal,
    wait_until_concluded,
)
from bench.visitor import Listener, Visitor, sign_in

ACCOUNTS = 10_000
# Of these the agent's own, whose balances no line of the file claims.
OWN = "B0"
# What may be submitted, and not posted yet, besides the import.
OWN_AHEAD = 5
FIRST = 3

# The command without its cap.
_UNCAPPED = """
import sys

import django
from django.core.management import execute_from_command_line

django.setup()

from streaming import bulk

bulk.LEAST_AHEAD = bulk.MOST_AHEAD = sys.maxsize
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


@dataclass
class Waits:
    """How long an agent waited for the answer, and for the row, each time."""

    answered_ms: list[float] = field(default_factory=list)
    visible_ms: list[float] = field(default_factory=list)


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give the agent's waits with and without the import, and what is said of the cap."""
    rows, idle = (40_000, 20) if quick else (1_000_000, 200)
    with temporary_portal(), running("run_consumer"), running("run_relay"), serving() as web:
        from django.conf import settings

        _furnish()
        agent = Visitor(web.address, sign_in("teller"))
        listener = Listener(web.address, sign_in("auditor"), OWN)
        folder = Path(settings.DATA_DIR)
        file = _history(folder, "H", rows)
        for _each in range(FIRST):
            # What a process does for the first time takes longer than ever after.
            _submit(agent, listener, Waits())
        before = Waits()
        for _each in range(idle):
            _submit(agent, listener, before)
        importing = _Importing(file)
        during = Waits()
        importing.start()
        while importing.is_posting():
            _submit(agent, listener, during)
        importing.finish()
        yield from _told(during, before, runs=1 if quick else 3)
        yield from _cap(importing)
        yield from _speed(importing, folder, rounds=1 if quick else 7, rows=min(rows, 80_000))


def _told(during: Waits, before: Waits, *, runs: int) -> Iterator[Figure]:
    """Take the percentile of all samples, and its spread over stretches of time.

    A stretch alone has too few samples: of fifty the 99th percentile is the greatest.
    """
    for name, of, target in _named():
        ours, alone = of(during), of(before)
        yield Figure(
            name=f"{name}, 99 % of {len(ours)}",
            unit="ms",
            samples=_stretches(ours, runs),
            whole=percentile(ours, 99),
            target=target,
            beside=(
                Beside(
                    name=f"without the import, of {len(alone)}",
                    kind="limit",
                    samples=_stretches(alone, runs),
                    whole=percentile(alone, 99),
                ),
            ),
        )


def _named() -> "list[tuple[str, Callable[[Waits], list[float]], Target]]":
    return [
        ("submitting during an import", lambda waits: waits.answered_ms, at_most(100)),
        ("row visible during an import", lambda waits: waits.visible_ms, at_most(1_000)),
    ]


def _stretches(values: list[float], runs: int) -> tuple[float, ...]:
    """Cut what was measured one after the other into parts; give the percentile of each."""
    length = max(1, len(values) // runs)
    starts = range(0, length * runs, length)
    return tuple(percentile(values[start : start + length], 99) for start in starts)


def _cap(importing: "_Importing") -> Iterator[Figure]:
    from streaming.bulk import MOST_AHEAD

    yield Figure(
        name="events that the import is ahead, at most",
        unit="events",
        samples=(float(max(importing.ahead)),),
        target=at_most(MOST_AHEAD + OWN_AHEAD),
    )


def _speed(importing: "_Importing", folder: Path, *, rounds: int, rows: int) -> Iterator[Figure]:
    """Import again with nobody beside it, in turn with the cap and without."""
    numbers = count()

    def rate(*, is_capped: bool) -> float:
        file = _history(folder, f"I{next(numbers)}-", rows)
        alone = _Importing(file, is_capped=is_capped)
        alone.start()
        alone.finish()
        return alone.rate

    found = in_turn(
        rounds,
        {"capped": lambda: rate(is_capped=True), "free": lambda: rate(is_capped=False)},
    )
    yield Figure(
        name="import posted, an agent beside it",
        unit="rows/s",
        samples=(importing.rate,),
        beside=(Beside(name="without the agent", kind="limit", samples=found["capped"]),),
    )
    yield Figure(
        name="import posted",
        unit="rows/s",
        samples=found["capped"],
        beside=(
            Beside(
                name="as far ahead as it likes",
                kind="limit",
                samples=found["free"],
                target=at_least(0.9),
            ),
            Beside(
                name="the consumer alone, all of it in the log already",
                kind="limit",
                samples=(_drain(rows),),
            ),
        ),
    )


def _drain(rows: int) -> float:
    """Give the rate at which the consumer posts what is in the log already."""
    from bench.pipeline import deposits

    done = concluded()
    publish(deposits(rows, ACCOUNTS))
    # Published faster than posted; from here on the consumer has the machine for itself.
    began, first = time.perf_counter(), concluded()
    wait_until_concluded(done + rows)
    return (done + rows - first) / (time.perf_counter() - began)


class _Importing:
    """The command at work, and how far it is ahead of the ledger while it publishes."""

    def __init__(self, file: Path, *, is_capped: bool = True) -> None:
        self._file = file
        self._command = ("manage.py",) if is_capped else ("-c", _UNCAPPED)
        self.ahead: list[int] = []
        # Rows posted a second.
        self.rate = 0.0
        self._watching = threading.Thread(target=self._watch)
        self._is_over = threading.Event()

    def start(self) -> None:
        """Start it, and wait until it publishes: the file is checked as a whole first."""
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, *self._command, "import_transactions", str(self._file)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        first = concluded()
        while concluded() <= first + ACCOUNTS:
            if self._process.poll() is not None:
                raise SystemExit("The import has ended too soon.")
            time.sleep(0.02)
        self._watching.start()

    def is_posting(self) -> bool:
        """Say whether rows of it are published and posted still."""
        return not self._is_over.is_set()

    def finish(self) -> None:
        """Wait for its end: it compares what it has imported with the file."""
        self._watching.join()
        if self._process.wait(600):
            raise SystemExit("The import has failed.")

    def _watch(self) -> None:
        from django.conf import settings
        from django.db import connection

        from streaming.endpoint import required_endpoint
        from streaming.kafka.admin import end_offsets

        endpoint, began, first = required_endpoint(), time.perf_counter(), concluded()
        last, moved_at = first, began
        try:
            # Once nothing has been posted for a while, it is comparing.
            while time.perf_counter() - moved_at < 2 and self._process.poll() is None:
                # In this order, so that it is never more ahead than is noted.
                now = concluded()
                if now > last + 20:
                    last, moved_at = now, time.perf_counter()
                in_log = sum(end_offsets(endpoint, settings.KAFKA_TOPIC).values())
                self.ahead.append(in_log - now)
                time.sleep(0.02)
        finally:
            self.rate = (last - first) / max(moved_at - began, 1e-9)
            self.ahead = self.ahead[: self._useful()]
            self._is_over.set()
            connection.close()

    def _useful(self) -> int:
        """Leave out the end, where the last rows are waited for."""
        while self.ahead and self.ahead[-1] < 1_000:
            self.ahead.pop()
        return max(1, len(self.ahead))


def _furnish() -> None:
    from accounts.models import Account, Agent, Branch, Role

    branch = Branch.objects.create(code="bench", name="Bench")
    Agent.objects.create_user("teller", role=Role.TELLER, branch=branch)
    Agent.objects.create_user("auditor", role=Role.AUDITOR)
    Account.objects.create(number=OWN, branch=branch)
    publish(openings(1))
    wait_until_concluded(1)


def _history(folder: Path, prefix: str, rows: int) -> Path:
    """Write deposits to each account in turn, with the balances that they make."""
    path = folder / f"{prefix}history.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("transaction_date;account;transaction_value;balance\n")
        for number in range(rows):
            turn, account = divmod(number, ACCOUNTS)
            day = f"{turn % 28 + 1:02}/{turn // 28 % 12 + 1:02}/2024"
            file.write(f"{day};{prefix}{account};10;{(turn + 1) * 10}\n")
    return path


def _submit(agent: Visitor, listener: Listener, waits: Waits) -> None:
    from accounts.identifiers import new_transaction_id

    identifier = new_transaction_id()
    sent = time.perf_counter()
    agent.deposit(identifier, OWN, 100)
    waits.answered_ms.append((time.perf_counter() - sent) * 1_000)
    waits.visible_ms.append((listener.wait_for(identifier) - sent) * 1_000)
