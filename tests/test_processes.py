"""The suite's own helpers for processes, where a run of it is started in an odd way."""

import os
import signal
import subprocess
import sys

from tests.forked import forge
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


DATABASE = """
from django.conf import settings
from django.db import connection
print(settings.KAFKA_TOPIC, connection.settings_dict["NAME"])
connection.cursor().execute("CREATE TABLE kept (id INTEGER)")
"""


def test_code_that_is_forked_for_has_the_settings_of_its_own_environment(tmp_path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        own = {"DATA_DIR": str(tmp_path / name), "DATABASE_URL": "", "KAFKA_TOPIC": name}

        ran = forge.run(DATABASE, os.environ | own)

        assert ran == (0, f"{name} {tmp_path / name / 'bankportal.sqlite3'}\n", "")
        # To be copied, a database has to be whole in its one file.
        assert not (tmp_path / name / "bankportal.sqlite3-wal").exists()


def test_code_that_fails_says_so_and_the_next_one_is_not_held_up() -> None:
    failed = forge.run("import sys; print('before'); sys.exit(7)", os.environ)
    broken = forge.run("1 / 0", os.environ)

    assert failed == (7, "before\n", "")
    assert (broken.code, "ZeroDivisionError" in broken.stderr) == (1, True)
    assert forge.run("print('after')", os.environ).stdout == "after\n"
