"""Going back to a backup: the ledger catches up to what it was, and nothing submitted is lost."""

import errno
import os
import resource
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from accounts.events import encode
from streaming import restoring
from streaming.management.refusals import said_in_one_line
from streaming.manifest import BackupUnusable, Manifest
from tests.builders import submitted
from tests.databases import only_on
from tests.processes import wait_until
from tests.streaming.recovery import Bank, called

pytestmark = only_on("sqlite", "PostgreSQL is restored by means of its own")


@pytest.fixture
def bank(kafka, portal_on) -> Bank:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


def refused(bank: Bank, folder: Path) -> str:
    """Give why a restore is refused, having changed nothing."""
    before = bank.query("SELECT * FROM accounts_log")
    run = bank.manage("restore", str(folder), check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert bank.query("SELECT * FROM accounts_log") == before
    assert not list(bank.folder.glob("*.before-restore*"))
    assert not list(bank.folder.glob("*.restoring"))
    return run.stderr


def test_restored_it_catches_up_to_the_chain_of_one_that_never_was(bank, empty_database):
    bank.publish_something(200)
    bank.post_all(200)
    folder = bank.backup()
    bank.publish(*(encode(submitted(1, account="C1")) for _ in range(100)), (b"C1", b"poison"))
    bank.post_all(301)
    control = bank.twin(bank.folder / "control", empty_database)
    control.post_all(301)

    run = bank.manage("restore", str(folder))
    restored = bank.value("SELECT sum(next_offset) FROM accounts_logposition")
    epoch = bank.value("SELECT rebuilt_at_ms FROM accounts_log")
    bank.post_all(301)

    assert "is in place" in run.stdout
    assert (restored, epoch > 0) == (200, True)
    assert bank.ledger() == control.ledger()


def test_what_agents_submitted_since_is_carried_over_and_posted_once(bank):
    bank.publish_something(20)
    bank.submit(100)
    bank.start("run_relay")
    bank.post_all(21)
    folder = bank.backup()
    # The first two reach the log, the third one does not.
    bank.submit(3, 5)
    bank.post_all(23)
    bank.stop("run_relay")
    bank.submit(7)
    bank.python(
        """
        from accounts.identifiers import new_transaction_id
        from accounts.models import Account, Agent, Kind
        from accounts.services.submissions import submit_transaction
        Account.objects.create(number="C900", holder="Since", branch_id=1)
        late = Agent.objects.create(username="late", role="teller", branch_id=1)
        submit_transaction(
            transaction_id=new_transaction_id(),
            account="C100", kind=Kind.DEPOSIT, amount_minor=11, by=late,
        )
        """
    )

    run = bank.manage("restore", str(folder))
    bank.start("run_relay")
    bank.start("run_consumer", "--member", "one")
    wait_until(
        lambda: bank.value("SELECT count(*) FROM accounts_outbox WHERE NOT is_done") == 0,
        "each submission has its outcome",
    )

    assert "3 submissions" in run.stdout
    assert "1 accounts" in run.stdout
    assert "Not carried over: 1 submissions by agents whom the backup does not know" in run.stdout
    amounts = "SELECT e.amount_minor FROM accounts_entry e JOIN accounts_submission s USING"
    assert bank.query(f"{amounts} (transaction_id) ORDER BY e.id") == [(100,), (3,), (5,), (7,)]
    assert bank.value("SELECT holder FROM accounts_account WHERE number = 'C900'") == "Since"
    assert bank.value("SELECT count(*) FROM accounts_deadletter") == 1


def test_the_former_database_is_kept_whole(bank):
    bank.publish_something(20)
    bank.post_all(20)
    folder = bank.backup()
    bank.publish(encode(submitted(1, account="C1")))
    bank.post_all(21)

    bank.manage("restore", str(folder))

    (kept,) = bank.folder.glob("bankportal.sqlite3.before-restore-*")
    former = sqlite3.connect(kept)
    assert former.execute("SELECT sum(next_offset) FROM accounts_logposition").fetchone() == (21,)
    former.close()


def test_where_what_came_since_cannot_be_written_nothing_is_changed(concluded):
    """Red where that counts as a database that cannot be read: what waited there is left behind."""
    bank = concluded(300, is_backed_up=True)
    (folder,) = bank.backups()
    bank.submit(500)
    bank.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO accounts_account (number, holder, created_at) "
        "SELECT 'N' || i, 'A name of some length', '2026-11-27' FROM n"
    )
    room = (folder / "bankportal.sqlite3").stat().st_size + 40_000

    process = bank.spawn(
        "restore",
        *("manage.py", "restore", str(folder)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )

    assert process.wait(60) == 1
    said = bank.output_of("restore")
    assert "Nothing was changed. Free some space" in said
    assert len(said.strip().splitlines()) == 1
    assert bank.value("SELECT count(*) FROM accounts_submission") == 1
    assert not [*bank.folder.glob("*.before-restore*"), *bank.folder.glob("*.restoring")]
    bank.manage("restore", str(folder))
    assert bank.value("SELECT count(*) FROM accounts_account WHERE number LIKE 'N%'") == 5_000


@pytest.mark.parametrize("present", ["none", "damaged"])
def test_without_a_readable_database_the_backup_is_put_in_place_all_the_same(concluded, present):
    bank = concluded(300, is_backed_up=True)
    (folder,), database = bank.backups(), bank.folder / "bankportal.sqlite3"
    before = bank.ledger()
    for each in bank.folder.glob("bankportal.sqlite3*"):
        each.unlink()
    if present == "damaged":
        database.write_bytes(b"rot" * 10_000)
        database.with_name("bankportal.sqlite3-wal").write_bytes(b"rot" * 10_000)

    run = bank.manage("restore", str(folder))

    assert "Nothing was carried over" in run.stdout
    assert bank.ledger() == before
    kept = [each.read_bytes()[:3] for each in bank.folder.glob("*.before-restore-*")]
    # The file and its log; SQLite makes an index of the log whenever it looks.
    assert kept.count(b"rot") == (2 if present == "damaged" else 0)


def test_where_the_log_of_the_database_cannot_be_written_into_it_nothing_is_changed(concluded):
    """Red where it is taken away all the same: SQLite has then written a half of it."""
    bank = concluded(300, is_backed_up=True)
    (folder,) = bank.backups()
    room = (folder / "bankportal.sqlite3").stat().st_size + 200_000
    leave_in_the_log(bank, "CREATE TABLE large AS SELECT randomblob(1000000) AS text")

    process = bank.spawn(
        "restore",
        *("manage.py", "restore", str(folder)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )

    assert process.wait(60) == 1
    assert "Nothing was changed. Free some space" in bank.output_of("restore")
    assert bank.value("SELECT length(text) FROM large") == 1_000_000
    assert not [*bank.folder.glob("*.before-restore*"), *bank.folder.glob("*.restoring")]


def leave_in_the_log(bank: Bank, statement: str) -> None:
    """Commit a statement into the log of SQLite's file, as a process that is killed leaves it."""
    database = bank.folder / "bankportal.sqlite3"
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute(statement)
        files = (database, database.with_name(f"{database.name}-wal"))
        left = [file.read_bytes() for file in files]
    for file, content in zip(files, left, strict=True):
        file.write_bytes(content)


def test_where_a_damaged_database_cannot_be_kept_its_log_stays_with_it(concluded, monkeypatch):
    """Red where the log is moved first, or SQLite opens the file for writing: both take it away."""
    bank = concluded(300, is_backed_up=True)
    (folder,), database = bank.backups(), bank.folder / "bankportal.sqlite3"
    log = database.with_name("bankportal.sqlite3-wal")
    for each in (database, log):
        each.write_bytes(b"rot" * 10_000)

    def full(file: Path, name: Path) -> None:
        if file == database:
            raise OSError(28, "No space left on device", str(name))
        os.link(file, name)

    monkeypatch.setattr(restoring, "give_second_name", full)
    with pytest.raises(OSError, match="No space left"):
        restoring.restore_database(folder, database)

    assert (database.read_bytes(), log.read_bytes()) == (b"rot" * 10_000, b"rot" * 10_000)
    assert not [*bank.folder.glob("*.before-restore*"), *bank.folder.glob("*.restoring")]


def test_a_restore_is_refused_while_somebody_uses_the_database(concluded):
    bank = concluded(300, is_backed_up=True)
    (folder,) = bank.backups()
    shell = sqlite3.connect(bank.folder / "bankportal.sqlite3")
    shell.execute("SELECT count(*) FROM accounts_entry").fetchone()

    assert "Some program has" in refused(bank, folder)
    shell.close()
    relay = bank.spawn("run_relay", "manage.py", "run_relay")
    wait_until(lambda: "Publishing to" in bank.output_of("run_relay"), "it runs")
    assert f"in use by {called('run_relay', relay)}" in refused(bank, folder)


def test_a_damaged_backup_is_refused_and_so_is_none(concluded, tmp_path):
    bank = concluded(300, is_backed_up=True)
    (folder,) = bank.backups()
    bent = tmp_path / "bent"
    shutil.copytree(folder, bent)
    with (bent / "bankportal.sqlite3").open("r+b") as file:
        file.seek(5_000)
        file.write(b"\0rot\0")

    assert "bankportal.sqlite3 is missing or damaged" in refused(bank, bent)
    (bent / "manifest.json").write_text('{"format": "bankportal backup"')
    assert "manifest.json is damaged" in refused(bank, bent)
    assert "is no backup" in refused(bank, tmp_path / "none")


def test_a_backup_of_a_later_release_is_refused(tmp_path):
    manifest = Manifest("bankportal backup", 1, "", None, ["accounts.9999_later"], {}, [])

    with pytest.raises(BackupUnusable, match="later release"):
        restoring.refuse_later_release(manifest, tmp_path)


def test_a_full_disk_is_told_of_the_copy_that_did_not_fit():
    # As shutil.copyfile raises it.
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/backup/file", None, "/here/file")

    refused = pytest.raises(CommandError, match=r"^/here/file: No space left .* Make room")
    with refused, said_in_one_line():
        raise full
