"""From ``python -m bankportal`` to ready, what all its processes take of memory, and of a start.

`make run` does so too, after it has seen that all that it needs is installed. Warm: the folder has
been started on before, as on every day but the first. The limit is Kafka by itself on the same
folder, without which nothing is ready.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.figure import Beside, Figure, at_most, in_turn
from bench.pipeline import ROOT, await_ready, wait_until

COMMANDS = ("run_consumer", "run_relay", "run_broker", "ledger_status", "doctor")
SETTLED_S = 2
# A Python with Django and the models, and nothing that a command adds; collecting no garbage
# meanwhile, as no command of the portal does.
BARE = (
    "import gc; gc.disable(); import django; django.setup(); import django.core.management;"
    " gc.freeze()"
)


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give the time to ready, the memory of each process, and what commands start with."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bankportal.settings"
    with TemporaryDirectory(prefix="bankportal-bench-") as made:
        os.environ["DATA_DIR"] = made
        _start()
        rooms: list[dict[str, float]] = []
        found = in_turn(
            1 if quick else 4,
            {"portal": lambda: _start(rooms), "kafka": lambda: _start_kafka(Path(made))},
        )
        yield Figure(
            name="warm start to ready",
            unit="s",
            samples=found["portal"],
            target=at_most(8),
            beside=(
                Beside(name="until Kafka by itself serves", kind="limit", samples=found["kafka"]),
            ),
        )
        yield from _memory(rooms)
        yield from _commands(2 if quick else 7)


def _memory(rooms: list[dict[str, float]]) -> Iterator[Figure]:
    """Shared pages are counted once, by parts, where the system tells."""
    with _bare_python() as bare_mb:
        yield Figure(
            name="memory of all processes",
            unit="MB",
            samples=tuple(sum(room.values()) for room in rooms),
            beside=(
                Beside(
                    name="of which Kafka's Java",
                    kind="limit",
                    samples=tuple(room["java"] for room in rooms),
                ),
            ),
        )
        for name in sorted(set(rooms[-1]) - {"java"}):
            yield Figure(
                name=f"memory of {name}",
                unit="MB",
                samples=tuple(room.get(name, 0.0) for room in rooms),
                beside=(
                    Beside(name="a Python with Django set up", kind="limit", samples=(bare_mb,)),
                ),
            )


def _commands(rounds: int) -> Iterator[Figure]:
    """Of the processor's time, which others on the machine hardly change."""
    manage = [sys.executable, "manage.py"]
    found = in_turn(
        rounds,
        {
            "bare": lambda: _processor_ms([sys.executable, "-c", BARE]),
            **{
                name: lambda name=name: _processor_ms([*manage, name, "--help"])  # type: ignore[misc]
                for name in COMMANDS
            },
        },
    )
    for name in COMMANDS:
        yield Figure(
            name=f"start of {name}, processor",
            unit="ms",
            samples=found[name],
            beside=(
                Beside(name="a Python with Django set up", kind="limit", samples=found["bare"]),
            ),
        )


def _start(rooms: list[dict[str, float]] | None = None) -> float:
    """Start the portal, and stop it; give the seconds to ready."""
    log = Path(os.environ["DATA_DIR"]) / "run.txt"
    with log.open("wb") as output:
        began = time.perf_counter()
        portal = subprocess.Popen(
            [sys.executable, "-m", "bankportal"], cwd=ROOT, stdout=output, env=os.environ
        )
        try:
            await_ready(log)
            took = time.perf_counter() - began
            if rooms is not None:
                time.sleep(SETTLED_S)
                rooms.append(_room_of(portal.pid))
        finally:
            portal.send_signal(signal.SIGINT)
            portal.wait(60)
    return took


def _start_kafka(folder: Path) -> float:
    """Start the broker alone, and stop it; give the seconds until it serves."""
    endpoint = folder / "kafka" / "endpoint.json"
    endpoint.unlink(missing_ok=True)
    began = time.perf_counter()
    broker = subprocess.Popen(
        [sys.executable, "manage.py", "run_broker"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(endpoint.exists, "the broker serves", pause_s=0.01)
        json.loads(endpoint.read_text(encoding="utf-8"))
        return time.perf_counter() - began
    finally:
        broker.terminate()
        broker.wait(60)


def _room_of(pid: int) -> dict[str, float]:
    """Give the megabytes of a portal's processes, by their parts in it."""
    top = psutil.Process(pid)
    room: Counter[str] = Counter()
    for each in [top, *top.children(recursive=True)]:
        room[_part(each)] += memory_mb(each)  # type: ignore[assignment]
    return dict(room)


def _part(process: psutil.Process) -> str:
    words = process.cmdline()
    if "java" in Path(words[0]).name:
        return "java"
    for word in words:
        if word.startswith("run_"):
            return word
        if word == "bankportal.web":
            return "web"
    return "supervisor"


def memory_mb(process: psutil.Process) -> float:
    """Give the memory of a process, without what others have of the same pages where known."""
    whole = process.memory_full_info()
    return float(getattr(whole, "pss", 0) or whole.rss) / 1e6


@contextmanager
def _bare_python() -> Iterator[float]:
    code = f"{BARE}; print(flush=True); input()"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if process.stdout is not None:
            process.stdout.readline()
        yield memory_mb(psutil.Process(process.pid))
    finally:
        process.kill()
        process.wait()


def _processor_ms(command: list[str]) -> float:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return (used.ru_utime + used.ru_stime) * 1_000
