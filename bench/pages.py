"""Server time of each page and panel, on a small ledger and on a large one.

`make bench` runs it; `ROWS`, `SMALL_ROWS`, `ACCOUNTS` and `ROUNDS` in the environment change its
sizes. `KEEP=folder` keeps both ledgers there, so that a second run begins with the measuring.

*First* is the first look of a process that has just started and read ahead; the others are those
after it, each behind one more posted transaction, as on a page that is looked at. *CPU* is what
the median look takes of the processor, and tells the same on a machine that has other work.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.pipeline import ROOT, manage

ROWS = int(os.environ.get("ROWS", "1000000"))
SMALL_ROWS = int(os.environ.get("SMALL_ROWS", "10000"))
ACCOUNTS = int(os.environ.get("ACCOUNTS", "10000"))
ROUNDS = int(os.environ.get("ROUNDS", "25"))

WEEK_AGO, YEAR_AGO = (
    (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (7, 365)
)
PAGES = {
    "dashboard, 30 days": "/dashboard/?range=30d",
    "dashboard, all": "/dashboard/?range=all",
    "dashboard, an agent": "/dashboard/?range=30d&agent=teller3",
    "dashboard, rejected": "/dashboard/?range=30d&outcome=rejected",
    "dashboard, an account": "/dashboard/?range=all&account=B0",
    "dashboard, a week ago": f"/dashboard/?range=30d&as_of={WEEK_AGO}",
    "dashboard, a year ago": f"/dashboard/?range=30d&as_of={YEAR_AGO}",
    "list": "/transactions/",
    "list, an account": "/transactions/?account=B0",
    "list, an agent": "/transactions/?agent=teller3",
    "list, by amount, 30 days": "/transactions/?range=30d&sort=-amount",
    "list, by amount, all": "/transactions/?sort=-amount",
    "account": "/accounts/B0/",
}


def main() -> None:
    """Fill both ledgers and print a table, the small one's figures beside the large one's."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]), int(sys.argv[2]))
        return
    keep = os.environ.get("KEEP")
    with tempfile.TemporaryDirectory(prefix="bankportal-bench-") as made:
        folder = Path(keep) if keep else Path(made)
        found = [run(folder / str(rows), rows) for rows in (SMALL_ROWS, ROWS)]
    heads = "".join(f"{head:>8}" for head in ("first", "median", "95 %", "CPU"))
    print(f"{'milliseconds':26}{SMALL_ROWS:>27,} rows{ROWS:>30,} rows")
    print(f"{'':26}{heads}   {heads}  growth of CPU")
    for name, small in found[0].items():
        large = found[1][name]
        cells = ["".join(f"{each:8.1f}" for each in row) for row in (small, large)]
        print(f"{name:26}{cells[0]}   {cells[1]}{large[3] / small[3]:8.2f}")


def run(folder: Path, rows: int) -> dict[str, list[float]]:
    """Measure in a process of its own: what it remembers is part of what is measured."""
    command = [sys.executable, __file__, str(folder), str(rows)]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    lines = (line.split("\t") for line in output.stdout.splitlines() if "\t" in line)
    return {name: [float(each) for each in figures] for name, *figures in lines}


def measure(folder: Path, rows: int) -> None:
    """Print a line for each page and each panel: first, median, 95th percentile, CPU."""
    os.environ |= {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "bankportal.settings"}
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    manage("migrate", "-v0")
    import django

    django.setup()
    from bench import filling

    if is_new:
        filling.fill(rows, ACCOUNTS)
    from accounts.selectors.reading_ahead import read_ahead

    # As the web process does when it starts.
    for name, act in [("reading ahead", read_ahead), *pages(), *panels()]:
        (first, _), *later = [timed(act) for _ in range(ROUNDS)]
        walls, processor = (sorted(each) for each in zip(*later, strict=True))
        ends = (statistics.median(walls), walls[int(len(walls) * 0.95)])
        print(name, first, *ends, statistics.median(processor), sep="\t")


def timed(act: Callable[[], Any]) -> tuple[float, float]:
    """Post one more transaction, then give the milliseconds that ``act`` takes: all, and CPU."""
    from bench import filling

    filling.post_one()
    started, used = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000


def pages() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Give each page as an auditor gets it."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Agent, Role

    settings.ALLOWED_HOSTS = ["testserver"]
    auditor, _ = Agent.objects.get_or_create(username="bench", defaults={"role": Role.AUDITOR})
    client = Client()
    client.force_login(auditor)

    def get(address: str) -> None:
        response = client.get(address)
        if response.status_code != 200:
            raise SystemExit(f"{address} answered {response.status_code}")

    for name, address in PAGES.items():
        yield name, lambda address=address: get(address)


def panels() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Give each panel by itself, for the last 30 days of the whole bank."""
    from accounts.models import Agent, Role
    from accounts.selectors.filters import Filter
    from accounts.selectors.panels import PANELS, Asked, read_panels
    from accounts.selectors.snapshot import snapshot

    auditor, month = Agent(role=Role.AUDITOR), Filter("30d")

    def read(name: str) -> None:
        with snapshot():
            read_panels(auditor, month, [Asked(name)])

    for name in PANELS:
        yield f"panel {name}", lambda name=name: read(name)


if __name__ == "__main__":
    main()
