import sqlite3
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from bankportal.lock_watch import LONGEST_HOLD_S, LockWatch, write_lock_holder
from tests.processes import wait_until
from tests.site.conftest import are_gone

# Takes the write lock again and again with hardly a gap, as a consumer in full flow does.
BUSY_WRITER = """
    import time
    while True:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO entry VALUES (1)")
        time.sleep(0.05)
        connection.execute("COMMIT")
        time.sleep(0.003)
"""
STUCK_WRITER = """
    import os, signal
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO entry VALUES (2)")
    print("stuck", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "bankportal.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE entry (id INTEGER)")
    connection.close()
    return path


def rows(database: Path, number: int) -> int:
    connection = sqlite3.connect(database)
    try:
        found = connection.execute("SELECT count(*) FROM entry WHERE id = ?", [number])
        return found.fetchone()[0]
    finally:
        connection.close()


def writer(database: Path, code: str) -> str:
    return (
        "from bankportal.sqlite import use_bundled_sqlite; use_bundled_sqlite()\n"
        "import sqlite3\n"
        f"connection = sqlite3.connect({str(database)!r}, timeout=30, isolation_level=None)\n"
        "print('open', flush=True)\n" + textwrap.dedent(code)
    )


def test_the_holder_of_the_write_lock_is_known_by_its_process(run, database):
    holder = run([sys.executable, "-c", writer(database, STUCK_WRITER)])
    holder.wait_for("stuck")

    found = write_lock_holder(database.with_name("bankportal.sqlite3-shm"))

    assert found == holder.process.pid


def test_nobody_holds_the_lock_of_a_database_at_rest(run, database):
    reader = run([sys.executable, "-c", writer(database, "import time; time.sleep(600)")])
    reader.wait_for("open")

    assert write_lock_holder(database.with_name("bankportal.sqlite3-shm")) is None


@pytest.mark.fault("3b")
def test_a_child_stuck_with_the_write_lock_is_ended_and_others_can_write_again(supervise, database):
    """The consumer itself does not write a backlog; a process that it has started does."""
    code = writer(database, STUCK_WRITER)
    started = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    supervisor = supervise(
        {"name": "busy", "code": writer(database, BUSY_WRITER)},
        {"name": "stuck", "code": started},
        database=database,
    )
    supervisor.wait_for("stuck: stuck")
    since = time.monotonic()

    supervisor.wait_for("stuck has blocked the database without a pause; ending it")

    assert time.monotonic() - since > LONGEST_HOLD_S - 2
    wait_until(lambda: "stuck ended unexpectedly (killed by SIGKILL)" in supervisor.said, "it died")
    before = rows(database, 1)
    wait_until(lambda: rows(database, 1) > before, "the other one writes again")
    assert rows(database, 2) == 0


def test_a_busy_writer_that_lets_go_is_never_taken_for_stuck(run, database):
    busy = run([sys.executable, "-c", writer(database, BUSY_WRITER)])
    busy.wait_for("open")
    watch = LockWatch(database)
    found = []
    seen = []
    deadline = time.monotonic() + LONGEST_HOLD_S + 2

    while time.monotonic() < deadline:
        found.append(watch.stuck_holder(time.monotonic()))
        seen.append(watch.seconds_to_next_look)
        time.sleep(watch.seconds_to_next_look)

    assert set(found) == {None}
    assert min(seen) < max(seen), "the lock was never seen held, or never seen free"


def test_a_stranger_that_blocks_the_database_is_named_and_left_alone(run, supervise, database):
    stranger = run([sys.executable, "-c", writer(database, STUCK_WRITER)])
    stranger.wait_for("stuck")
    supervisor = supervise(
        {"name": "idle", "code": "import time; time.sleep(600)"}, database=database
    )

    supervisor.wait_for(f"Process {stranger.process.pid}, which is none of ours, blocks")

    assert not are_gone([psutil.Process(stranger.process.pid)])
