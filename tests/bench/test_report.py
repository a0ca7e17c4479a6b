"""How a run is told: as a table, in a document and as JSON."""

import subprocess
import sys

import pytest

from bench import report
from bench.figure import Beside, Figure, at_least, at_most
from bench.machine import Neighbours, Origin
from bench.report import Finished, Measured, Run
from tests.processes import ROOT

POSTED = Figure(
    name="posted",
    unit="rows/s",
    samples=(50_000.0, 60_000.0, 55_000.0),
    target=at_least(60_000),
    beside=(
        Beside(
            name="raw executemany",
            kind="limit",
            samples=(100_000.0, 100_000.0, 100_000.0),
            target=at_least(0.45),
        ),
        Beside(name="today's way", kind="rival", samples=(1_000.0,)),
    ),
)
DELAY = Figure(name="click", unit="ms", samples=(12.5,), target=at_most(25))


@pytest.fixture
def run() -> Run:
    origin = Origin(
        machine="A processor",
        cores=2,
        memory_gb=8.0,
        system="Linux",
        python="CPython 3.11",
        versions={"Django": "5.2"},
        commit="0123456789ab",
        is_altered=True,
        load_before=0.25,
    )
    return Run(
        origin=origin,
        started_at="2026-11-26 08:00 UTC",
        is_quick=False,
        figures=[
            Measured(benchmark="posting", figure=POSTED, load=1.5),
            Measured(benchmark="click", figure=DELAY, load=0.5),
        ],
        finished=[Finished(benchmark="posting", seconds=61.4, share_of_others=0.051)],
    )


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_row_tells_median_spread_ratio_target_and_whether_it_is_met(run):
    lines = lines_of(report.text(run))

    assert "posted 55,000 rows/s 50,000 … 60,000 ≥ 60,000 rows/s NO" in lines
    limit = "limit: raw executemany 100,000 rows/s 100,000 … 100,000 0.55 × ≥ 0.45 × yes"
    assert limit in lines
    assert "rival: today's way 1,000 rows/s one run 55 ×" in lines
    assert "click 12.5 ms one run ≤ 25 ms yes" in lines


def test_the_table_says_where_it_comes_from(run):
    text = report.text(run)

    for part in ("A processor", "2 cores", "8 GB", "0123456789ab, altered", "CPython 3.11"):
        assert part in text
    assert "Django 5.2" in text
    assert "Load average before it: 0.25" in text
    assert "posting 61 s (5%)" in text


def test_what_failed_or_was_interrupted_is_said(run):
    run.finished.append(
        Finished(benchmark="pages", seconds=1.0, share_of_others=None, failure="ended with 3")
    )
    run.is_interrupted = True

    text = report.text(run)

    assert "FAILED: pages: ended with 3" in text
    assert "INTERRUPTED" in text
    assert "FAILED" in report.markdown(run)


def test_columns_stand_below_each_other(run):
    ends = (" met", " yes", " NO")
    lines = [line for line in report.text(run).splitlines() if line.endswith(ends)]

    assert len(lines) == 4
    assert len({line.rindex(line.split()[-1]) for line in lines}) == 1


def test_json_gives_back_all_of_a_run(run, tmp_path):
    path = tmp_path / "new" / "run.json"

    report.write_json(run, path)

    assert report.read_json(path) == run


def test_a_run_is_recorded_between_the_marks_of_a_document(run, tmp_path):
    document = tmp_path / "benchmarks.md"
    document.write_text(f"Before.\n{report.BEGIN}\nan older run\n{report.END}\nAfter.\n")

    report.record(run, document)
    report.record(run, document)

    text = document.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("\nAfter.\n")
    assert "an older run" not in text
    assert text.count("| posted | 55,000 rows/s | 50,000 … 60,000 |  | ≥ 60,000 rows/s | NO |") == 1


def test_a_document_without_marks_is_left_alone(run, tmp_path):
    document = tmp_path / "benchmarks.md"
    document.write_text("Nothing here.")

    with pytest.raises(ValueError, match="marks"):
        report.record(run, document)

    assert document.read_text() == "Nothing here."


def test_the_share_of_others_leaves_out_what_is_ours(monkeypatch):
    clocks = iter([(0.0, 100.0, 10.0), (10.0, 112.0, 17.0)])
    monkeypatch.setattr(Neighbours, "_clocks", staticmethod(lambda: next(clocks)))
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    share = Neighbours().share()

    # Of 20 seconds of two processors 12 were busy, 7 of these with what is ours.
    assert share == pytest.approx(0.25)


WITH_AN_ORPHAN = """
import resource, subprocess, sys, time
import psutil
from bench.machine import orphans_counted

busy = "import time\\nwhile time.process_time() < 0.5: pass"
child = subprocess.Popen(
    ["sh", "-c", 'read line; "$0" -c "$1" & exit', sys.executable, busy], stdin=subprocess.PIPE
)
with orphans_counted(child):
    child.communicate(b"go\\n")
    while psutil.Process().children():
        time.sleep(0.01)
gone = subprocess.check_output(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"])
gone = psutil.Process(int(gone))
assert gone.ppid() != psutil.Process().pid, "It still adopts."
gone.kill()
print(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere nothing is told of others.")
def test_what_outlives_who_started_it_is_ours():
    """Red without the adoption: a PostgreSQL's time was taken for that of others."""
    ran = subprocess.run(
        [sys.executable, "-c", WITH_AN_ORPHAN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert float(ran.stdout) >= 0.5


def test_a_figure_and_a_ratio_that_narrowly_miss_their_targets_do_not_look_as_if_they_met_them():
    missed = Figure(
        name="posted",
        unit="rows/s",
        samples=(59_999.6,),
        target=at_least(60_000),
        beside=(Beside(name="today", kind="rival", samples=(6_002.4,), target=at_least(10)),),
    )

    ours, beside = report.rows_of(missed)

    assert (ours[1], ours[5]) == ("59,999.6 rows/s", "NO")
    assert (beside[3], beside[5]) == ("9.996 ×", "NO")


def test_of_parts_of_one_measurement_the_whole_is_told_and_their_spread_beside_it():
    waits = Figure(
        name="submitting, 99 % of 160",
        unit="ms",
        samples=(60.0, 80.0, 130.0),
        whole=110.0,
        target=at_most(100),
        beside=(Beside(name="at rest", kind="limit", samples=(10.0, 20.0, 40.0), whole=22.0),),
    )

    ours, beside = report.rows_of(waits)

    assert ours[1:] == ("110 ms", "60 … 130", "", "≤ 100 ms", "NO")
    assert beside[1:4] == ("22 ms", "10 … 40", "5 ×")
