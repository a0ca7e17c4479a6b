"""The pages with five million transactions, beside the same pages with ten thousand.

As an auditor's browser gets them from the portal's web server, one more transaction posted before
each look. Without Kafka, which no page asks. With ``BENCH_CACHE`` in the environment the ledgers
are kept in that folder, and the next run begins with the measuring. The filled ledger ends today:
throw an old one away.
"""

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.figure import Beside, Figure, at_most, in_turn, percentile
from bench.pipeline import Helper, helper

PAGES = {
    "account": "/accounts/B0/",
    "list": "/transactions/",
    "list of an account": "/transactions/?account=B0",
    "list by amount": "/transactions/?sort=-amount",
    "dashboard of 30 days": "/dashboard/?range=30d",
    "dashboard of all dates": "/dashboard/?range=all",
    "dashboard of an agent": "/dashboard/?range=30d&agent=teller3",
    "dashboard of an account": "/dashboard/?range=all&account=B0",
}
HAMMERED = ("account", "list", "dashboard of 30 days")
LEAST_ANSWER = "/health/live"
CLIENTS = 4


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give latency and growth of each page, and requests a second of three."""
    rows, small, accounts = (20_000, 2_000, 1_000) if quick else (5_000_000, 10_000, 10_000)
    runs, looks, seconds = (2, 4, 0.5) if quick else (3, 20, 2.0)
    with _folder() as folder, _ledger(folder, small) as few, _ledger(folder, rows) as many:
        for ledger, count in ((few, small), (many, rows)):
            ledger.ask("fill", rows=count, accounts=accounts)
        # The first look of a process is read ahead; here it is waited for.
        pages = {name: PAGES[name] for name in HAMMERED} if quick else PAGES
        for path in pages.values():
            few.ask("look", path=path, times=1)
            many.ask("look", path=path, times=1)
        for name, path in pages.items():
            found = _found(path, (few, many), runs=runs, looks=looks)
            whole = f"{name}, {rows:,} rows"
            yield _figure(f"{whole}, median", found, small)
            if name in HAMMERED:
                yield _last_percents(f"{whole}, 95 %", found)
        for name in HAMMERED:
            yield _throughput(f"{name}, {rows:,} rows", PAGES[name], many, runs, seconds)


Looks = dict[str, list[list[float]]]


def _found(path: str, ledgers: tuple[Helper, Helper], *, runs: int, looks: int) -> Looks:
    """Look at a page of both ledgers in turn; give the milliseconds by run."""
    found: Looks = {"few": [], "many": []}

    def look(which: str, ledger: Helper) -> float:
        found[which].append(ledger.ask("look", path=path, times=looks))
        return 0.0

    few, many = ledgers
    in_turn(runs, {"few": lambda: look("few", few), "many": lambda: look("many", many)})
    return found


def _figure(name: str, found: Looks, small: int) -> Figure:
    ours, theirs = (tuple(map(statistics.median, found[which])) for which in ("many", "few"))
    growth = Beside(name=f"with {small:,} rows", kind="limit", samples=theirs, target=at_most(1.5))
    return Figure(name=name, unit="ms", samples=ours, target=at_most(50), beside=(growth,))


def _last_percents(name: str, found: Looks) -> Figure:
    samples = tuple(percentile(run, 95) for run in found["many"])
    median = tuple(map(statistics.median, found["many"]))
    beside = Beside(name="its median", kind="limit", samples=median)
    return Figure(name=name, unit="ms", samples=samples, target=at_most(100), beside=(beside,))


def _throughput(name: str, path: str, ledger: Helper, runs: int, seconds: float) -> Figure:
    def hammer(address: str) -> float:
        return float(ledger.ask("hammer", path=address, seconds=seconds, clients=CLIENTS))

    found = in_turn(runs, {"page": lambda: hammer(path), "least": lambda: hammer(LEAST_ANSWER)})
    return Figure(
        name=f"{name}, {CLIENTS} browsers",
        unit="answers/s",
        samples=found["page"],
        beside=(Beside(name=f"{LEAST_ANSWER} there", kind="limit", samples=found["least"]),),
    )


@contextmanager
def _folder() -> Iterator[Path]:
    cache = os.environ.get("BENCH_CACHE")
    if cache:
        yield Path(cache).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="bankportal-bench-") as made:
        yield Path(made)


def _ledger(folder: Path, rows: int) -> AbstractContextManager[Helper]:
    return helper("bench.one_ledger", DATA_DIR=str(folder / str(rows)))
