"""A backlog, which one process concludes ahead and another writes, and what can strike both."""

import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.builders import encode, submitted
from tests.databases import only_on
from tests.faults.bank import ACCOUNTS, Bank, stop
from tests.faults.invariants import check_all, check_books
from tests.faults.seeds import Chances
from tests.faults.work import movements
from tests.made_once import made_once
from tests.processes import wait_until

pytestmark = only_on("sqlite", "PostgreSQL's is written by the consumer itself")

OWNER = ("--member", "one")


def writing_process(consumer: psutil.Process) -> psutil.Process | None:
    """Give the process that writes what ``consumer`` concludes."""
    try:
        started = [each for each in consumer.children() if "writing" in " ".join(each.cmdline())]
    except psutil.NoSuchProcess:
        return None
    return started[0] if started else None


@pytest.fixture
def backlog(kafka, new_bank, template: Path, run_folder: Path, chances: Chances) -> Bank:
    """Give a bank whose log is some thousand messages ahead, to which nobody may publish more.

    All such banks of a run share the log: to fill it takes seconds.
    """

    def make(folder: Path) -> None:
        bank = Bank(folder, template, kafka.bootstrap_servers)
        bank.create_topics()
        fill(bank, chances)
        (folder / "topic.txt").write_text(bank.topic)

    bank = new_bank()
    bank.follow((made_once(run_folder / "backlog", make) / "topic.txt").read_text())
    return bank.open_doors()


def fill(bank: Bank, chances: Chances) -> None:
    """Publish a backlog with what is out of the ordinary.

    That is so far apart that batches without any, which alone are written ahead, lie between.
    """
    bank.open_accounts(*ACCOUNTS[:4])
    repeated = movements(chances, 5)
    for _ in range(3):
        bank.publish(*movements(chances, 4_500))
        bank.publish(*repeated)
        bank.publish_messages((b"C100", b"{broken"), encode(submitted(1, currency="USD")))


@pytest.mark.fault("1")
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_writing_process_that_is_ended_again_and_again_loses_nothing(
    backlog: Bank, by: signal.Signals
) -> None:
    """Guard: what it did not answer is posted anew under the offsets, or refused by them.

    A signal that asks it to end is none of its business: it ends with the consumer.
    """
    consumer = psutil.Process(backlog.consume(*OWNER).pid)
    struck = 0
    while not backlog.has_concluded_all():
        if writer := writing_process(consumer):
            with suppress(psutil.NoSuchProcess):
                writer.send_signal(by)
            struck += 1
    assert struck

    backlog.settles()
    check_all(backlog)


@pytest.mark.fault("1")
def test_a_consumer_killed_beside_its_writing_process_concludes_each_message_once(
    backlog: Bank,
) -> None:
    """Guard: the offsets. The writing process may finish its batch after the consumer's death."""
    kills = 0
    while kills < 4 and not backlog.has_concluded_all():
        started = backlog.consume(*OWNER)
        consumer = psutil.Process(started.pid)
        writer = None
        while not writer and not backlog.has_concluded_all():
            writer = writing_process(consumer)
        kills += bool(writer) and not backlog.has_concluded_all()
        consumer.kill()
        started.wait()
        if writer:
            wait_until(lambda writer=writer: not writer.is_running(), "its writing process ends")
        check_books(backlog)
    assert kills
    consumer = backlog.consume(*OWNER)

    backlog.settles()
    check_all(backlog)
    stop(consumer)
    assert consumer.returncode == 0


@pytest.mark.fault("2")
def test_a_consumer_asked_to_stop_amid_a_backlog_leaves_nothing_half_done(backlog: Bank) -> None:
    started = backlog.consume(*OWNER)
    writer = wait_until(lambda: writing_process(psutil.Process(started.pid)), "it writes ahead")

    stop(started)

    assert started.returncode == 0
    assert not writer.is_running()
    check_books(backlog)
    backlog.consume(*OWNER)
    backlog.settles()
    check_all(backlog)
