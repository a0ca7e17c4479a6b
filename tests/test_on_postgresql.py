"""What the suite's second half leaves out, and when it may find nothing to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.on_postgresql import ABOUT_OTHER_THINGS
from tests.processes import ROOT

LEFT_OUT = next(each for each in ABOUT_OTHER_THINGS if each.endswith(".py"))
ASKED = "tests/test_asked.py"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Give a suite of two tests: one about other things, and one that is not."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    for name in (LEFT_OUT, ASKED):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("def test_of_the_word():\n    pass\n")
    return tmp_path


def half(suite: Path, *arguments: str) -> tuple[int, set[str]]:
    """Run it as the second half runs; give the exit code and which files it ran."""
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
    return done.returncode, {name for name in (LEFT_OUT, ASKED) if f"{name}::" in done.stdout}


@pytest.mark.parametrize(
    "arguments", [(), ("-k", "word"), ("-m", "not long"), ("-n", "1"), ("-k", "test_asked")]
)
def test_a_word_that_belongs_to_an_option_names_no_tests(suite, arguments):
    assert half(suite, *arguments) == (0, {ASKED})


@pytest.mark.parametrize("named", ["tests", LEFT_OUT, f"{LEFT_OUT}::test_of_the_word"])
def test_what_is_named_is_run_whatever_it_is_about(suite, named):
    code, ran = half(suite, "-k", "word", named)

    assert code == 0
    assert LEFT_OUT in ran


@pytest.mark.parametrize("arguments", [("-k", "nothing"), ("-m", "nothing"), (ASKED, "-k", "no")])
def test_of_those_who_are_chosen_none_need_be_left(suite, arguments):
    assert half(suite, *arguments) == (0, set())


def test_a_half_that_finds_nothing_to_do_by_itself_has_failed(suite):
    (suite / ASKED).unlink()

    assert half(suite) == (pytest.ExitCode.NO_TESTS_COLLECTED, set())
