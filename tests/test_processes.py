"""The suite's own helpers for processes, where a run of it is started in an odd way."""

import signal
import subprocess
import sys

from tests.processes import DEAF_LIKE_NOHUP, ROOT

SUITE = """
import os, signal, subprocess, sys
from tests.processes import let_children_hear_signals

let_children_hear_signals()
for number in (signal.SIGINT, signal.SIGHUP):
    os.kill(os.getpid(), number)
    child = "import os, signal, sys; os.kill(os.getpid(), int(sys.argv[1])); print('deaf')"
    print(subprocess.call([sys.executable, "-c", child, str(int(number))]), flush=True)
"""


def test_under_nohup_and_in_the_background_only_what_a_test_starts_hears_signals() -> None:
    suite = subprocess.run(
        [*DEAF_LIKE_NOHUP, sys.executable, "-c", SUITE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert suite.stdout.split() == [str(-signal.SIGINT), str(-signal.SIGHUP)]
