"""Backups made beside everything that runs, and what can be made of them."""

import json
import resource
import shutil
import subprocess
import sys

import pytest

from accounts.events import encode
from streaming.archive import Archive
from streaming.endpoint import Endpoint
from streaming.kafka.connection import Connection
from streaming.kafka.topics import delete_topic
from streaming.manifest import Manifest
from tests.builders import opened, submitted, withdrawn
from tests.databases import SERVER_URL, only_on
from tests.processes import ROOT, wait_until
from tests.streaming.recovery import Bank, sha256


@pytest.fixture
def bank(kafka, portal_on) -> Bank:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


def test_a_backup_holds_the_ledger_and_all_of_its_log(concluded):
    bank = concluded(300)

    folder = bank.backup()

    manifest = Manifest.read(folder)
    manifest.check(folder)
    assert folder.parent == bank.folder / "backups"
    assert {each.name for each in folder.iterdir()} == {
        "manifest.json",
        *(file.name for file in manifest.files),
    }
    assert {file.name: file.sha256 for file in manifest.files} == {
        each.name: sha256(each) for each in folder.iterdir() if each.name != "manifest.json"
    }
    (log,) = manifest.logs
    assert log.is_whole
    assert sum(archive.messages for archive in log.archives) == 300
    assert manifest.counts["entry"] == bank.value("SELECT count(*) FROM accounts_entry")


def test_the_archive_holds_each_message_as_it_was(bank):
    messages = [
        (b"C1", "é€".encode()),
        (None, b"\xff\x00"),
        (b"C1", None),
        (b"", b""),
        (b"\x80", b'{"a": 1}'),
        (b"C1", b"x" * 1_000_000),
    ]
    bank.publish(*messages)
    bank.post_all(len(messages))

    folder = bank.backup()

    found = []
    for each in Manifest.read(folder).archives:
        with Archive(folder / each.file.name) as archive:
            found += archive.messages()
    assert {(each.key, each.value) for each in found} == set(messages)
    rows = bank.query('SELECT partition, "offset", logged_at_ms FROM accounts_deadletter')
    assert {(each.partition, each.offset, each.logged_at_ms) for each in found} == set(rows)
    assert {each.leader_epoch for each in found} == {0}


@only_on("sqlite", "PostgreSQL's database is for means of its own")
def test_a_backup_beside_a_consumer_is_of_one_moment(bank):
    bank.publish_something(1_000)
    bank.post_all(1_000)
    bank.start("run_consumer", "--member", "one")
    making = bank.start("backup")
    sent = 0
    while making.poll() is None:
        bank.publish(*(encode(submitted(1, account="C1")) for _ in range(20)))
        sent += 20
    (folder,) = bank.backups()

    twin = bank.twin(bank.folder / "twin", folder)
    run = twin.manage("rebuild_ledger", "--archive", str(folder))

    assert making.returncode == 0
    assert sent > 0
    assert "Equal: " in run.stdout


def test_a_second_backup_shares_the_archive_of_the_first_and_adds_what_is_new(bank):
    bank.publish_something(200)
    bank.post_all(200)
    first = bank.backup()
    bank.publish(*(encode(submitted(1, account="C1")) for _ in range(30)))
    bank.post_all(230)

    second = bank.backup()

    (before,), after = Manifest.read(first).archives, Manifest.read(second).archives
    assert [each.messages for each in after] == [200, 30]
    assert (first / before.file.name).samefile(second / before.file.name)
    shutil.rmtree(first)
    Manifest.read(second).check(second)


def test_a_damaged_archive_of_an_earlier_backup_is_not_taken_over(concluded):
    bank = concluded(300, is_backed_up=True)
    (first,) = bank.backups()
    (archive,) = Manifest.read(first).archives
    (first / archive.file.name).write_bytes(b"rot")

    second = bank.backup()

    (archive,) = Manifest.read(second).archives
    assert archive.messages == 300
    Manifest.read(second).check(second)


def test_the_archives_that_hold_most_are_taken_over_whatever_folders_are_called(bank):
    """Red where the name decides: of an earlier log only what Kafka had then would be kept."""
    bank.publish(encode(opened()))
    bank.post_all(1)
    bank.backup().rename(bank.folder / "backups" / "weekly")
    bank.publish(encode(submitted(70)))
    bank.post_all(2)
    bank.backup()
    follow_another_log(bank)

    last = bank.backup()

    earlier = Manifest.read(last).logs[0]
    assert [each.messages for each in earlier.archives] == [1, 1]
    assert earlier.is_whole


def test_from_the_archive_alone_the_same_ledger_is_made(concluded, empty_database):
    bank = concluded(300, is_backed_up=True)
    (folder,) = bank.backups()
    twin = bank.twin(bank.folder / "twin", empty_database)
    twin.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"

    run = twin.manage("rebuild_ledger", "--archive", str(folder))

    assert "in place: 300 messages" in run.stdout
    assert twin.ledger() == bank.ledger()
    assert twin.query("SELECT number FROM accounts_account ORDER BY 1") == bank.query(
        "SELECT number FROM accounts_account ORDER BY 1"
    )
    assert twin.value("SELECT count(*) FROM accounts_outbox") == 0


def test_of_several_logs_an_empty_ledger_is_made_whole_or_not_at_all(bank, empty_database):
    """Red where only the last log is read: what the others held is gone, and nobody says so."""
    bank.publish(encode(opened()), encode(submitted(500)))
    bank.post_all(2)
    short = bank.backup()
    bank.publish(encode(submitted(70)))
    bank.post_all(3)
    bank.backup()
    follow_another_log(bank)
    bank.publish(encode(withdrawn(400)))
    bank.post_all(4)
    folder = bank.backup()
    twin = bank.twin(bank.folder / "twin", empty_database)
    twin.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    first, second = Manifest.read(folder).logs
    last = [f"--archive={folder / each.file.name}" for each in second.archives]

    for lacking in (last, [f"--archive={short}", *last]):
        refused = twin.manage("rebuild_ledger", *lacking, check=False)
        assert refused.returncode == 1
        assert "does not hold all that the ledger concluded before" in refused.stderr
        assert twin.value("SELECT count(*) FROM accounts_log WHERE is_current") == 0
        assert twin.value("SELECT count(*) FROM accounts_entry") == 0
    made = twin.manage("rebuild_ledger", "--archive", str(folder))

    assert len(first.archives) == 2
    assert "in place: 4 messages" in made.stdout
    assert twin.balance("C100") == 170
    assert twin.ledger() == bank.ledger()


def follow_another_log(bank: Bank) -> None:
    endpoint = Endpoint("external", bank.environment["KAFKA_BOOTSTRAP_SERVERS"])
    delete_topic(endpoint, bank.topic)
    wait_until(lambda: bank.topic not in Connection(endpoint).cluster.topics, "the topic is gone")
    bank.create_topics()
    bank.manage("adopt_log", "--reason", "The old disk is lost.")


def test_a_ledger_made_from_an_archive_goes_on_with_its_kafka(bank, empty_database):
    bank.publish_something(300)
    bank.post_all(300)
    folder = bank.backup()
    bank.publish(*(encode(submitted(1, account="C1")) for _ in range(30)))
    bank.post_all(330)
    twin = bank.twin(bank.folder / "twin", empty_database)
    archive = next(folder.glob("*.jsonl.gz"))
    kafka = twin.environment["KAFKA_BOOTSTRAP_SERVERS"]
    twin.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    twin.manage("rebuild_ledger", "--archive", str(archive))
    twin.environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka
    assert twin.value("SELECT sum(next_offset) FROM accounts_logposition") == 300

    twin.post_all(330)

    assert twin.ledger() == bank.ledger()


def test_an_archive_killed_in_the_middle_of_a_rebuild_leaves_an_empty_ledger(bank, empty_database):
    bank.publish_something(4_000)
    bank.post_all(4_000)
    folder = bank.backup()
    twin = bank.twin(bank.folder / "twin", empty_database)
    killed = twin.start("rebuild_ledger", "--archive", str(folder))
    wait_until(lambda: twin.rebuilt() > 0, "it has begun")
    killed.kill()
    killed.wait()
    left = twin.query("SELECT * FROM accounts_entry")

    twin.manage("rebuild_ledger", "--archive", str(folder))

    assert left == []
    assert twin.ledger() == bank.ledger()
    assert twin.value("SELECT count(*) FROM accounts_log") == 1


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.999])
def test_a_cut_archive_is_refused_and_nothing_is_changed(concluded, empty_database, cut):
    bank = concluded(300, is_backed_up=True)
    (folder,) = bank.backups()
    whole = next(folder.glob("*.jsonl.gz"))
    archive = bank.folder / "cut.jsonl.gz"
    archive.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * cut)])
    twin = bank.twin(bank.folder / "twin", empty_database)

    run = twin.manage("rebuild_ledger", "--archive", str(archive), check=False)

    assert run.returncode == 1
    assert "cut.jsonl.gz" in run.stderr
    assert "Traceback" not in run.stderr
    assert twin.query("SELECT * FROM accounts_entry") == []
    assert twin.scratch_tables() == []


def test_without_kafka_a_backup_is_refused_and_nothing_of_it_stays(concluded):
    bank = concluded(300)
    bank.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"

    run = bank.manage("backup", check=False)
    without = bank.backup("--without-log")

    assert run.returncode == 1
    assert "Kafka" in run.stderr
    assert "Traceback" not in run.stderr
    # PostgreSQL's database is for means of its own.
    database = [] if SERVER_URL else ["bankportal.sqlite3"]
    assert [each.name for each in without.iterdir() if each.name != "manifest.json"] == database
    assert not Manifest.read(without).logs[0].is_whole
    assert bank.backups() == [without]


def test_a_full_disk_leaves_nothing_and_gets_one_line(concluded):
    bank = concluded(3_000)
    # Enough for what stands beside SQLite's file, too little for a copy of that or for the log.
    limit = 10_000 if SERVER_URL else 400_000

    run = subprocess.run(
        [sys.executable, "manage.py", "backup"],
        cwd=ROOT,
        env=bank.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # No file may grow beyond this, which the writer meets as it meets a full disk.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )

    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert bank.backups() == []


def test_a_folder_that_cannot_be_written_to_gets_one_line(bank, tmp_path):
    (tmp_path / "file").write_text("")

    run = bank.manage("backup", str(tmp_path / "file" / "backups"), check=False)

    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1
    assert "choose a folder" in run.stderr


def test_what_a_killed_backup_left_is_removed_by_the_next_and_whole_ones_stay(concluded):
    bank = concluded(300, is_backed_up=True)
    (first,) = bank.backups()
    left = first.parent / ".partial-1"
    left.mkdir()
    (left / "bankportal.sqlite3").write_bytes(b"half")

    second = bank.backup()

    assert sorted(bank.backups()) == sorted([first, second])


def test_nobody_but_its_owner_can_read_a_backup(concluded):
    bank = concluded(300)

    folder = bank.backup()

    assert folder.stat().st_mode & 0o077 == 0
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert json.loads((folder / "manifest.json").read_text())["format"] == "bankportal backup"
