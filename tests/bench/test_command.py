"""The command runs each benchmark in a process of its own, and keeps what it found."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import report
from bench.__main__ import Benchmark, run_benchmarks

ROOT = Path(command.ROOT)


@pytest.fixture(autouse=True)
def made_up(monkeypatch, tmp_path) -> None:
    benchmark = Benchmark("tests.bench.made_up", full_s=30, quick_s=30)
    monkeypatch.setattr(command, "BENCHMARKS", {"first": benchmark, "second": benchmark})
    monkeypatch.setattr(command, "FOLDER", tmp_path / "bench")


def test_the_figures_of_all_are_kept_in_their_order():
    run = run_benchmarks(["first", "second"], quick=True)

    assert [(each.benchmark, each.figure.samples) for each in run.figures] == [
        ("first", (1.0, 2.0)),
        ("second", (1.0, 2.0)),
    ]
    assert [each.benchmark for each in run.finished] == ["first", "second"]
    assert run.failures == []
    assert not run.is_interrupted


def test_one_that_fails_keeps_its_figures_and_stops_no_other(monkeypatch):
    monkeypatch.setenv("MADE_UP", "fail")

    run = run_benchmarks(["first", "second"], quick=False)

    assert [each.figure.samples for each in run.figures] == [(3.0,), (3.0,)]
    assert run.failures == ["first: ended with 3", "second: ended with 3"]


def test_one_that_lacks_something_is_left_out_aloud_and_is_no_failure(monkeypatch, capfd):
    monkeypatch.setenv("MADE_UP", "lack")

    run = run_benchmarks(["first", "second"], quick=True)

    assert [each.lacks for each in run.finished] == ["no such thing is installed"] * 2
    assert run.failures == []
    assert len(run.figures) == 2
    assert "left out: no such thing is installed" in capfd.readouterr().err
    assert "LEFT OUT: first: no such thing is installed" in report.text(run)


def test_one_that_takes_too_long_is_ended_in_order_and_keeps_its_figures(monkeypatch, capfd):
    monkeypatch.setenv("MADE_UP", "go on")
    monkeypatch.setitem(
        command.BENCHMARKS, "first", Benchmark("tests.bench.made_up", full_s=10, quick_s=10)
    )

    run = run_benchmarks(["first"], quick=True)

    assert run.failures == ["first: ended after its 10 s"]
    assert len(run.figures) == 1
    assert "cleared up" in capfd.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_prints_and_writes_what_it_found(number, tmp_path):
    path = tmp_path / "run.json"
    code = f"""
import sys
from pathlib import Path
from bench import __main__ as command
made_up = command.Benchmark("tests.bench.made_up", full_s=60, quick_s=60)
command.BENCHMARKS = {{"first": made_up, "second": made_up}}
command.FOLDER = Path({str(tmp_path)!r})
sys.argv = ["bench", "--quick", "--json", {str(path)!r}]
sys.exit(command.main())
"""
    ours = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"MADE_UP": "go on"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    told = iter(ours.stderr.readline, "")
    assert any("made up" in line for line in told)

    ours.send_signal(number)
    output, _errors = ours.communicate(timeout=30)

    assert ours.returncode == 1
    assert "INTERRUPTED" in output
    run = report.read_json(path)
    assert run.is_interrupted
    assert run.failures == ["first: interrupted"]
    assert [each.figure.name for each in run.figures] == ["made up"]
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]


def test_a_portal_of_the_users_own_is_out_of_reach(monkeypatch):
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "DATA_DIR", "SECRET_KEY"):
        monkeypatch.setenv(name, "the user's")
    monkeypatch.setenv("XDG_CACHE_HOME", "/where/the/jars/are")

    environment = command._environment("folder")

    assert not {"DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "DATA_DIR", "SECRET_KEY"} & set(
        environment
    )
    assert environment["XDG_CACHE_HOME"] == "/where/the/jars/are"
