"""When the suite's second half may find nothing to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

ASKED = "tests/test_asked.py"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Give a suite of one test."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    file = tmp_path / ASKED
    file.parent.mkdir()
    file.write_text("def test_of_the_word():\n    pass\n")
    return tmp_path


def half(suite: Path, *arguments: str) -> tuple[int, bool]:
    """Run it as the second half runs; give the exit code, and whether its test ran."""
    words = ["-P", "-m", "pytest", "-p", "tests.on_postgresql", "-p", "no:django"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *words, "-v", *arguments],
        cwd=suite,
        env=own | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, f"{ASKED}::" in done.stdout


@pytest.mark.parametrize(
    "arguments", [(), ("-k", "word"), ("-m", "not long"), ("-n", "1"), (ASKED,)]
)
def test_what_is_chosen_is_run(suite, arguments):
    assert half(suite, *arguments) == (0, True)


@pytest.mark.parametrize("arguments", [("-k", "nothing"), ("-m", "nothing"), (ASKED, "-k", "no")])
def test_of_those_who_are_chosen_none_need_be_left(suite, arguments):
    assert half(suite, *arguments) == (0, False)


@pytest.mark.parametrize("arguments", [(), ("-n", "0")])
def test_a_half_that_finds_nothing_to_do_by_itself_has_failed(suite, arguments):
    (suite / ASKED).unlink()

    assert half(suite, *arguments) == (pytest.ExitCode.NO_TESTS_COLLECTED, False)
