"""All faults at random, for a short while; ``make faults`` goes on for longer."""

import json
import os
import subprocess
import sys

import pytest

from tests.faults.bank import Bank
from tests.faults.mix import Mix
from tests.faults.seeds import Chances
from tests.processes import ROOT

DURATION_S = 30.0


# Beside other tests its books alone may take minutes to be in order.
@pytest.mark.timeout(600)
@pytest.mark.long
@pytest.mark.fault("26")
def test_a_random_mix_of_faults_under_load_leaves_the_books_in_order(
    new_bank, chances: Chances
) -> None:
    """All guards together; so short a while need not meet what a missing one of them does."""
    bank: Bank = new_bank(has_own_broker=True)
    mix = Mix(bank, chances)

    mix.run(DURATION_S)

    report = mix.report()
    assert report["injections_in_all"] > 3
    assert report["acknowledged_submissions"] > 0
    assert min(report["rows_told_to_dashboards"]) > 0


@pytest.mark.timeout(600)
def test_what_make_faults_runs_gives_its_report_and_leaves_nothing_behind(kafka, tmp_path) -> None:
    own = {"DURATION": "2", "SEED": "1", "TMPDIR": str(tmp_path)}

    run = subprocess.run(
        [sys.executable, "-m", "tests.faults.mix"],
        cwd=ROOT,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout[run.stdout.index("{") :])
    assert (report["duration_s"], report["discrepancies"]) == (2.0, 0)
    assert list(tmp_path.iterdir()) == []
