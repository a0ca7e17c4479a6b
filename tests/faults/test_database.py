"""The database locked, full, or copied as a power cut leaves it."""

import json
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from accounts.identifiers import new_transaction_id
from tests.builders import submitted
from tests.databases import only_on
from tests.faults.bank import ACCOUNTS, Bank, stop
from tests.faults.invariants import check_all, check_books
from tests.faults.seeds import Chances
from tests.faults.work import again_and_again, movements
from tests.processes import Portal, wait_until

PATIENCE_S = {"patience_s": 1}
FAULTY = "import sys; sys.argv = {words!r}; from tests.faults.faulty import main; main()"


@pytest.mark.fault("14")
def test_a_database_locked_for_longer_than_the_timeout_loses_nothing(
    new_bank, chances: Chances
) -> None:
    """Guard: the same batch again. Without it the consumer dies of the lock."""
    bank = new_bank()
    bank.create_topics()
    bank.serve_faulty(PATIENCE_S)
    bank.watch().watches()
    consumer = bank.start_faulty(PATIENCE_S, "run_consumer")
    relay = bank.start_faulty(PATIENCE_S, "run_relay")
    bank.open_accounts()
    bank.teller.deposit(100)
    bank.settles()
    identifier = new_transaction_id()

    with bank.database.locked():
        bank.publish(*movements(chances, 50, ["C100"]))
        refused = bank.teller.deposit(1_234, transaction_id=identifier)
        wait_until(
            lambda: "Waiting for the database" in bank.output_of("run_consumer"), "it met the lock"
        )
        assert bank.entries() == 2
    again = bank.teller.deposit(1_234, transaction_id=identifier)
    bank.settles()

    assert (refused.status, again.status) == (503, 302)
    assert "12.34" in refused.body
    assert (consumer.poll(), relay.poll()) == (None, None)
    assert bank.entries() == 53
    check_all(bank)


@only_on("sqlite", "there the supervisor watches its lock")
@pytest.mark.fault("3b")
def test_a_consumer_frozen_with_the_write_lock_is_ended_and_agents_can_try_again(new_bank) -> None:
    """Guard: the supervisor watches the lock. Without it nobody ends the one that is frozen."""
    bank = new_bank()
    bank.create_topics()
    bank.serve_faulty(PATIENCE_S)
    bank.watch().watches()
    bank.open_accounts()
    identifier = new_transaction_id()
    fault = {
        "point": "consumer in mid-batch",
        "signal": "SIGSTOP",
        "once": str(bank.folder / "struck"),
    }
    words = ["faulty", json.dumps(fault), "run_consumer"]
    children = [{"name": "consumer", "code": FAULTY.format(words=words)}]
    plan = bank.folder / "plan.json"
    plan.write_text(
        json.dumps({"children": children, "database": str(bank.folder / "bankportal.sqlite3")})
    )

    supervisor = bank.spawn("supervisor", "-u", "-m", "tests.site.supervised", str(plan))
    wait_until(lambda: bank.was_struck("supervisor"), "the consumer is frozen")
    refused = bank.teller.deposit(1_234, transaction_id=identifier, reference="Espèces")
    wait_until(
        lambda: "consumer has blocked the database" in bank.output_of("supervisor"),
        "the supervisor has seen it",
    )
    wait_until(lambda: bank.balance("C100") == 0, "another one posts")
    again = bank.teller.deposit(1_234, transaction_id=identifier, reference="Espèces")
    bank.relay()
    bank.settles()

    assert (refused.status, again.status) == (503, 302)
    assert all(typed in refused.body for typed in ("12.34", "Espèces", str(identifier)))
    assert "killed by SIGKILL" in bank.output_of("supervisor")
    assert bank.balance("C100") == 1_234
    check_all(bank)
    stop(supervisor)


@pytest.mark.long
@only_on("postgresql", "there it ends the session itself")
@pytest.mark.fault("3b")
def test_a_consumer_frozen_in_its_transaction_is_cut_off_and_another_one_posts(bank: Bank) -> None:
    """Guard: a bound on its pauses. Without it the lock on posting is never given back."""
    bank.open_accounts()
    fault = {"point": "consumer in mid-batch", "signal": "SIGSTOP"}
    frozen = bank.start_faulty(fault, "run_consumer")
    wait_until(lambda: bank.was_struck("run_consumer"), "the consumer is frozen")

    other = bank.consume()
    wait_until(lambda: bank.balance("C100") == 0, "another one posts")
    frozen.send_signal(signal.SIGCONT)
    bank.publish(*(submitted(100) for _ in range(20)))
    bank.settles()

    assert bank.balance("C100") == 2_000
    assert (frozen.poll(), other.poll()) == (None, None)
    check_all(bank)


@pytest.fixture
def small_disk(tmp_path: Path):
    """Give a disk of a few megabytes; skip aloud where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(words, check=False).returncode:
        pytest.skip("no disk of its own can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@only_on("sqlite", "its files")
@pytest.mark.fault("15")
def test_a_full_disk_at_commit_and_at_checkpoint_loses_nothing(
    small_disk: Path, new_bank, chances: Chances
) -> None:
    """Guard: the same batch again. Without it the consumer dies, and the log is never read up."""
    bank = new_bank(folder=small_disk / "bank")
    bank.create_topics()
    bank.open_doors()
    processes = [bank.consume(), bank.relay()]
    bank.open_accounts(*ACCOUNTS[:4])
    wait_until(lambda: bank.entries() == 4, "the accounts are open")
    identifier = new_transaction_id()

    fill(small_disk)
    bank.publish(*movements(chances, 500))
    wait_until(lambda: "disk is full" in bank.output_of("run_consumer"), "the commit failed")
    refused = bank.teller.deposit(1_234, transaction_id=identifier)
    assert bank.entries() == 4
    (small_disk / "ballast").unlink()
    bank.settles()
    assert bank.entries() == 504
    fill(small_disk)
    # Whoever is the last to close writes the log of changes into the database; not now.
    for process in [*processes, bank.web]:
        process.terminate()
        process.wait(30)
    left = (bank.folder / "bankportal.sqlite3-wal").stat().st_size
    (small_disk / "ballast").unlink()
    bank.serve()
    bank.consume()
    bank.relay()
    again = bank.teller.deposit(1_234, transaction_id=identifier)
    bank.settles()

    assert left > 0
    assert (refused.status, again.status) == (503, 302)
    assert bank.value("PRAGMA integrity_check") == "ok"
    check_all(bank)


@only_on("sqlite", "its files")
@pytest.mark.fault("15")
def test_a_file_that_may_not_grow_loses_nothing(bank: Bank, chances: Chances) -> None:
    """Guard: the same batch again. Without it the consumer dies, and the log is never read up."""
    consumer = bank.consume()
    bank.open_accounts(*ACCOUNTS[:4])
    wait_until(lambda: bank.entries() == 4, "the accounts are open")
    size = (bank.folder / "bankportal.sqlite3-wal").stat().st_size

    before = resource.prlimit(consumer.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(consumer.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    bank.publish(*movements(chances, 500))
    wait_until(lambda: "disk I/O error" in bank.output_of("run_consumer"), "the commit failed")
    assert bank.entries() == 4
    resource.prlimit(consumer.pid, resource.RLIMIT_FSIZE, before)
    bank.settles()

    assert bank.value("PRAGMA integrity_check") == "ok"
    check_all(bank)


@only_on("sqlite", "its files")
@pytest.mark.fault("16")
def test_what_a_power_cut_leaves_is_a_ledger_whose_offset_matches_its_rows(
    bank: Bank, chances: Chances, tmp_path: Path
) -> None:
    """Guard: one transaction a batch. Without it a copy has offsets without a fate."""
    bank.consume()
    bank.relay()
    bank.open_accounts(*ACCOUNTS[:4])
    wait_until(lambda: bank.entries() == 4, "the accounts are open")

    def work() -> None:
        bank.publish(*movements(chances, 20))
        bank.teller.deposit(100)

    cuts = []
    with again_and_again(work):
        for number in range(5):
            begun = bank.entries()
            wait_until(lambda begun=begun: bank.entries() > begun + 30, "it is in mid-run")
            cuts.append(power_cut(bank, tmp_path / f"cut-{number}"))
    bank.settles()

    sizes = set()
    for cut in cuts:
        torn = [lose_the_end(cut, chances, tmp_path / f"{cut.folder.name}-{n}") for n in range(4)]
        for each in [*torn, cut]:
            assert each.value("PRAGMA integrity_check") == "ok"
            sizes.add(len(check_books(each)))
    assert len(sizes) > len(cuts)
    check_all(bank)


def power_cut(bank: Bank, folder: Path) -> Portal:
    """Copy database and WAL as they are in one moment: all who write stand still."""
    for process in bank.running():
        process.send_signal(signal.SIGSTOP)
    folder.mkdir()
    for name in ("bankportal.sqlite3", "bankportal.sqlite3-wal"):
        shutil.copy(bank.folder / name, folder)
    for process in bank.running():
        process.send_signal(signal.SIGCONT)
    return Portal(folder, "")


def lose_the_end(cut: Portal, chances: Chances, folder: Path) -> Portal:
    """Copy a cut whose last writes never reached the disk."""
    shutil.copytree(cut.folder, folder)
    with (folder / "bankportal.sqlite3-wal").open("r+b") as wal:
        size = wal.seek(0, 2)
        wal.truncate(chances.randint(size // 2, size))
    return Portal(folder, "")


def fill(disk: Path) -> None:
    """Take all the room there is."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4_096))
        except OSError:
            return
