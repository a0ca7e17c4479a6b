"""``make bench``: runs the benchmarks one after the other, and gives one table and one file.

Each benchmark is a module with ``figures(quick)``, which yields a ``Figure`` as soon as it has
one, or raises ``LeftOut``. It runs in a process of its own, with a portal, a folder and a Kafka of
its own, and is ended after its time. Ctrl-C ends the run; what was found until then is kept and
printed.
"""

import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, NoReturn

import msgspec

from bench import machine, report
from bench.figure import Figure, LeftOut
from bench.report import Finished, Measured, Run

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"
# On the disk that a portal of this clone would be on: a /tmp in memory would flatter.
FOLDER = ROOT / "data" / "bench"


class Benchmark(NamedTuple):
    """A module, and the seconds after which it is ended; a quick run has no time for some."""

    module: str
    full_s: float
    quick_s: float
    is_in_quick: bool = True


# In the order of the table.
BENCHMARKS = {
    "posting": Benchmark("bench.posting", full_s=900, quick_s=120),
    "scaling": Benchmark("bench.scaling", full_s=300, quick_s=120, is_in_quick=False),
    "hearing": Benchmark("bench.hearing", full_s=180, quick_s=60, is_in_quick=False),
    "click": Benchmark("bench.click", full_s=300, quick_s=120),
    "fanout": Benchmark("bench.fanout", full_s=420, quick_s=120),
    "fairness": Benchmark("bench.fairness", full_s=500, quick_s=120),
    "pages": Benchmark("bench.pages", full_s=900, quick_s=120),
    "start": Benchmark("bench.start", full_s=240, quick_s=120),
    "browser": Benchmark("bench.browser", full_s=240, quick_s=120, is_in_quick=False),
    "drain": Benchmark("bench.drain", full_s=120, quick_s=120, is_in_quick=False),
    "append_only": Benchmark("bench.append_only", full_s=120, quick_s=120, is_in_quick=False),
    "audit": Benchmark("bench.audit", full_s=180, quick_s=120, is_in_quick=False),
}
# What a portal of the user's own is set by must not reach those of the benchmarks.
SETTING = re.compile(r"env\.\w+\(\s*\"(\w+)\"")
KEPT_SETTINGS = {"HOME", "XDG_CACHE_HOME", "JAVA_HOME"}
# A line of a benchmark's process: a figure with the load of its moment, or what is lacking.
Told = tuple[Figure, float] | str


def main() -> int:
    """Do what the command line says; give the exit code."""
    options = _options()
    if options.module:
        return _measure(options.module, quick=options.quick, to=options.to)
    path = options.json or FOLDER / ("quick.json" if options.quick else "full.json")
    if options.record:
        report.record(report.read_json(path), DOCUMENT)
        return 0
    usual = [name for name, each in BENCHMARKS.items() if each.is_in_quick or not options.quick]
    run = run_benchmarks(options.only or usual, quick=options.quick)
    report.write_json(run, path)
    print(f"\n{report.text(run)}\n\nAll samples are in {path}.")
    return 1 if run.failures or run.is_interrupted else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="BENCHMARK", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer rows and runs, in two minutes")
    parser.add_argument("--json", type=Path, help="where the samples go, else below data/bench")
    parser.add_argument(
        "--record", action="store_true", help="put the last full run into docs/benchmarks.md"
    )
    # For the processes of the benchmarks themselves.
    parser.add_argument("--module", help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.only) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


def run_benchmarks(names: list[str], *, quick: bool) -> Run:
    """Run those benchmarks to their ends, or until Ctrl-C; give what they found."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    run = Run(origin=machine.origin(), started_at=now, is_quick=quick)
    with _interruptible():
        try:
            for name in names:
                _run_one(run, name)
        except KeyboardInterrupt:
            run.is_interrupted = True
    return run


def _run_one(run: Run, name: str) -> None:
    print(f"{name} …", file=sys.stderr, flush=True)
    benchmark = BENCHMARKS[name]
    FOLDER.mkdir(parents=True, exist_ok=True)
    began, neighbours = time.monotonic(), machine.Neighbours()
    failure, lacks = "interrupted", ""
    with TemporaryDirectory(prefix="run-", dir=FOLDER) as folder:
        found = Path(folder) / "figures"
        found.touch()
        words = ["--module", benchmark.module, "--to", str(found)]
        # In a session of its own, so that Ctrl-C reaches only this process, which then ends
        # that one in order.
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "bench", *words, *(["--quick"] if run.is_quick else [])],
            cwd=ROOT,
            env=_environment(folder),
            start_new_session=True,
        )
        try:
            limit_s = benchmark.quick_s if run.is_quick else benchmark.full_s
            with machine.orphans_counted(child):
                try:
                    failure = _failure_of(child, limit_s)
                finally:
                    _end(child)
        finally:
            for line in found.read_bytes().splitlines():
                told = msgspec.json.decode(line, type=Told)
                if isinstance(told, str):
                    lacks = told
                else:
                    figure, load = told
                    run.figures.append(Measured(benchmark=name, figure=figure, load=load))
            run.finished.append(
                Finished(
                    benchmark=name,
                    seconds=round(time.monotonic() - began, 1),
                    share_of_others=neighbours.share(),
                    failure=failure,
                    lacks=lacks,
                )
            )


def _environment(folder: str) -> dict[str, str]:
    source = (ROOT / "bankportal" / "settings.py").read_text(encoding="utf-8")
    settings = set(SETTING.findall(source)) - KEPT_SETTINGS
    clean = {name: value for name, value in os.environ.items() if name not in settings}
    return clean | {"TMPDIR": folder, "DJANGO_SETTINGS_MODULE": "bankportal.settings"}


def _failure_of(child: subprocess.Popen[bytes], limit_s: float) -> str:
    try:
        code = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        return f"ended after its {limit_s:.0f} s"
    return "" if code == 0 else f"ended with {code}"


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask a benchmark to end what it started; kill the whole session where it does not."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(60)
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    child.wait()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does."""

    def interrupt(*_of: object) -> NoReturn:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _measure(name: str, *, quick: bool, to: Path) -> int:
    """Run one benchmark in this process; write and tell each figure as it comes."""
    module = importlib.import_module(name)
    with to.open("ab", buffering=0) as found, suppress(KeyboardInterrupt):
        try:
            for figure in module.figures(quick=quick):
                found.write(msgspec.json.encode((figure, machine.load())) + b"\n")
                for row in report.rows_of(figure):
                    print("  ".join(filter(None, row)), file=sys.stderr, flush=True)
        except LeftOut as reason:
            found.write(msgspec.json.encode(str(reason)) + b"\n")
            print(f"left out: {reason}", file=sys.stderr, flush=True)
        return 0
    return 130


if __name__ == "__main__":
    sys.exit(main())
