"""The suite's own helpers for processes, where a run of it is started in an odd way."""

import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from tests.forked import PATIENCE_S, forge
from tests.processes import DEAF_LIKE_NOHUP, ROOT, wait_until

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

        ran = forge.run(["-c", DATABASE], os.environ | own)

        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout == f"{name} {tmp_path / name / 'bankportal.sqlite3'}\n"
        # To be copied, a database has to be whole in its one file.
        assert not (tmp_path / name / "bankportal.sqlite3-wal").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["manage.py", "run_relay"],
        ["-c", "import os, sys; print(sys.argv, os.getcwd(), sorted(os.listdir('/dev/fd'))[:4])"],
        ["-m", "tests.faults.faulty", "{}", "run_relay", "--nonsense"],
    ],
)
def test_what_is_forked_does_what_is_started(words, tmp_path) -> None:
    """Also where its environment is refused, and its words are."""
    environment = os.environ | {
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "bankportal.settings",
        "KAFKA_PARTITIONS": "x" if words[0] == "manage.py" else "3",
    }

    forked = forge.run(words, environment)
    started = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )
    assert forked.stdout or forked.stderr


def test_a_forked_process_is_waited_for_signalled_and_ended(tmp_path) -> None:
    with (tmp_path / "said").open("wb") as said:
        process = forge.start(["-c", "input()"], os.environ, stdout=said, stderr=said)
        ended = process.wait(PATIENCE_S)
        sleeper = forge.start(
            ["-c", "import time; time.sleep(600)"], os.environ, stdout=said, stderr=said
        )

    # It has nothing to read, and says so.
    assert (ended, process.poll(), process.returncode) == (1, 1, 1)
    assert "EOFError" in (tmp_path / "said").read_text()
    assert sleeper.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.01)
    sleeper.terminate()
    assert sleeper.wait(PATIENCE_S) == -signal.SIGTERM
    sleeper.kill()


def test_many_that_end_together_are_all_heard_of(tmp_path) -> None:
    """Red where the end of one disturbs what is told of another."""
    forge.run(["-c", ""], os.environ)
    for _ in range(20):
        waits, ends = os.pipe()
        code = f"import os, sys; os.read({waits}, 1); sys.exit(3)"
        with (tmp_path / "said").open("wb") as said:
            together = [
                forge.start(["-c", code], os.environ, stdout=said, stderr=said, pass_fds=(waits,))
                for _ in range(4)
            ]
        os.close(waits)
        os.close(ends)

        assert [each.wait(PATIENCE_S) for each in together] == [3] * 4


WORKER = """
import os, signal, sys
from tests.forked import forge

with open(os.devnull, "wb") as nothing:
    code = "import time; time.sleep(600)"
    process = forge.start(["-c", code], os.environ, stdout=nothing, stderr=nothing)
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_forked_does_not_outlive_who_asked_for_it() -> None:
    worker = subprocess.run(
        [sys.executable, "-c", WORKER], cwd=ROOT, capture_output=True, text=True, check=False
    )

    wait_until(lambda: not psutil.pid_exists(int(worker.stdout)), "it has ended")


def test_a_forked_process_has_the_language_and_the_clock_of_its_environment(tmp_path) -> None:
    code = """
    from django.utils.timezone import get_default_timezone_name
    from django.utils.translation import gettext
    print(gettext("French"), get_default_timezone_name())
    """
    own = {"DATA_DIR": str(tmp_path), "LANGUAGE_CODE": "en", "TIME_ZONE": "America/New_York"}

    ran = forge.run(["-c", textwrap.dedent(code)], os.environ | own)

    assert (ran.stdout, ran.stderr) == ("French America/New_York\n", "")


def test_a_forked_process_holds_nothing_that_it_did_not_open() -> None:
    """Red where the end of something of the forge's would close what was opened since."""
    code = """
    import gc, os, socket
    gc.unfreeze()
    print(os.open(os.devnull, os.O_RDONLY))
    sockets = [each for each in gc.get_objects() if isinstance(each, socket.socket)]
    print([each for each in sockets if each.fileno() > 0])
    """

    assert forge.run(["-c", textwrap.dedent(code)], os.environ).stdout == "3\n[]\n"


def test_code_that_fails_says_so_and_the_next_one_is_not_held_up() -> None:
    failed = forge.run(["-c", "import sys; print('before'); sys.exit(7)"], os.environ)
    broken = forge.run(["-c", "1 / 0"], os.environ)

    assert (failed.returncode, failed.stdout, failed.stderr) == (7, "before\n", "")
    assert (broken.returncode, "ZeroDivisionError" in broken.stderr) == (1, True)
    assert forge.run(["-c", "print('after')"], os.environ).stdout == "after\n"
