"""What becomes of the portal when ``make``, which started it, is stopped in odd ways."""

import shutil
import signal
import sys

import pytest

from tests.processes import wait_until
from tests.site.conftest import ROOT, Run, are_gone, clean_environment

CHILD = """
import time
from bankportal.parent import Parent
parent = Parent()
print("wanted", flush=True)
while parent.wants_us():
    time.sleep(0.05)
print("not wanted", flush=True)
"""


@pytest.fixture
def under_make(run, tmp_path) -> Run:
    make = shutil.which("make")
    if make is None:
        pytest.skip("There is no make on this machine.")
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "Makefile").write_text('run:\n\t@exec "$(PYTHON)" "$(CHILD)"\n')
    words = [f"PYTHON={sys.executable}", f"CHILD={tmp_path}/child.py", "run"]
    environment = clean_environment() | {"PYTHONPATH": str(ROOT)}
    started = run([make, "-f", str(tmp_path / "Makefile"), *words], environment=environment)
    started.wait_for("wanted")
    return started


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells what make is doing.")
def test_a_make_that_alone_was_interrupted_does_not_want_us_any_more(under_make):
    under_make.signal(signal.SIGINT)

    assert under_make.ended(10) == -signal.SIGINT
    assert "not wanted" in under_make.said


def test_a_make_that_was_killed_does_not_want_us_any_more(under_make):
    processes = under_make.descendants()

    under_make.signal(signal.SIGKILL)

    wait_until(lambda: "not wanted" in under_make.said, "it is noticed")
    wait_until(lambda: are_gone(processes), "it has ended")


def test_a_make_that_is_left_alone_goes_on_wanting_us(under_make):
    (child,) = under_make.descendants()

    assert child.is_running()
    assert "not wanted" not in under_make.said
