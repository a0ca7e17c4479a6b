"""The lease of the relay, on the database that the tests run on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from streaming.lease import Holder, lease_holder, relay_lease
from tests.processes import wait_until


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path, transactional_db) -> None:
    settings.DATA_DIR = tmp_path


def take_away(folder: Path) -> None:
    """Let the holder lose the lease as happens in life: its file removed, its connection cut."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                # Of this database alone: beside us others use the same server.
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d "
                "ON d.oid = database WHERE locktype = 'advisory' AND datname = current_database()"
            )
    else:
        (folder / "relay.lock").unlink()


def test_one_has_it_and_the_next_gets_it_at_once():
    """Red where ``take`` asks for a shared lock."""
    with relay_lease() as first, relay_lease() as second:
        assert first.take()
        assert not second.take()
        assert (first.is_held(), second.is_held()) == (True, False)

        first.give_back()

        assert second.take()


def test_its_holder_is_named():
    assert lease_holder() is None

    with relay_lease() as lease:
        lease.take()
        holder = lease_holder()
        still = lease.is_held()

    assert holder is not None
    assert (holder.pid, holder.host, holder.is_frozen) == (os.getpid(), "", False)
    assert str(holder) == f"process {os.getpid()}"
    assert holder.since_ms > 0
    assert still
    assert lease_holder() is None


def test_who_has_lost_it_knows_before_publishing_and_another_gets_it(tmp_path):
    """Red where ``is_held`` only remembers that it was taken."""
    with relay_lease() as first, relay_lease() as second:
        assert first.take()

        take_away(tmp_path)

        assert not first.is_held()
        # A session that is ended says so before it lets go of its locks.
        wait_until(second.take, "another gets it")


def test_a_child_that_outlives_the_holder_does_not_keep_it():
    with relay_lease() as lease:
        lease.take()
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with relay_lease() as next_one:
            # PostgreSQL notices a moment later that a connection has gone.
            wait_until(next_one.take, "the next one gets it")
    finally:
        child.communicate()


def test_a_holder_that_is_stopped_is_seen_to_be():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        holder = Holder(process.pid, 0)
        assert not holder.is_frozen

        process.send_signal(signal.SIGSTOP)

        wait_until(lambda: holder.is_frozen, "it is seen to be stopped")
    finally:
        process.send_signal(signal.SIGCONT)
        process.communicate()
    assert not Holder(process.pid, 0, host="elsewhere").is_frozen
