"""The whole verification: a real log, a real ledger, and the command that compares them."""

import re
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.events import encode
from accounts.models import VerificationResult
from accounts.verification import verifying
from accounts.verification.seen_ids import NoRoomForIds, SeenIds
from streaming.endpoint import Endpoint
from streaming.kafka.producer import Producer
from streaming.management.commands import verify_ledger
from streaming.stopping import EXIT_TRY_AGAIN
from tests.builders import LedgerInTest, opened, submitted, withdrawn
from tests.databases import SERVER_URL
from tests.processes import Portal, wait_until
from tests.tampering import behind_the_back

NUMBERS = [f"C{number}" for number in range(100, 112)]


class Bank(Portal):
    """A portal whose ledger is verified."""

    def fill(self, rounds: int) -> None:
        """Publish events of each fate and post them."""
        endpoint = Endpoint("external", self.environment["KAFKA_BOOTSTRAP_SERVERS"])
        producer = Producer(endpoint)
        places = [{"account": number, "source": "till"} for number in NUMBERS]
        events = [opened(**place, opening_balance_minor=100) for place in places]
        for amount_minor in range(1, rounds + 1):
            events += [submitted(amount_minor, **place) for place in places]
            events += [withdrawn(2 * amount_minor, **place) for place in places]
        messages = [encode(event) for event in events]
        messages += [messages[-1], (b"C100", b"poison"), (None, None)]
        for key, value in messages:
            producer.publish(self.topic, key, value, lambda _result: None)
            producer.poll()
        assert producer.flush(30) == 0
        consumer = self.start("run_consumer")
        wait_until(lambda: self.concluded() == len(messages), "all is concluded")
        consumer.terminate()
        consumer.wait(20)

    def concluded(self) -> int:
        return self.value("SELECT sum(posted+rejected+dead+repeats) FROM accounts_logposition") or 0

    def verify(self, *options: str) -> tuple[int, str, str]:
        done = self.manage("verify_ledger", *options, check=False)
        return done.returncode, done.stdout, done.stderr

    def tamper(self, statement: str) -> None:
        """Change rows with the triggers taken away and put back."""
        self.python(
            f"""
            from tests.tampering import behind_the_back
            with behind_the_back() as cursor:
                cursor.execute({statement!r})
            """
        )


@pytest.fixture
def bank(kafka, portal_on) -> Bank:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


@pytest.fixture
def filled(posted_once) -> Bank:
    return posted_once("filled", Bank, lambda bank: bank.fill(10))


def test_a_sound_ledger_agrees_and_says_so_without_noise(filled):
    code, said, errors = filled.verify()

    assert (code, errors) == (0, "")
    assert re.fullmatch(r"The ledger agrees with its log and with itself, .*\n", said)


def test_a_ledger_agrees_while_a_consumer_posts(bank):
    bank.fill(1)
    bank.start("run_consumer")
    endpoint = Endpoint("external", bank.environment["KAFKA_BOOTSTRAP_SERVERS"])
    producer = Producer(endpoint)
    before = bank.concluded()
    for number in range(20_000):
        key, value = encode(submitted(1, account=NUMBERS[number % 12]))
        producer.publish(bank.topic, key, value, lambda _result: None)
        producer.poll()

    code, said, _errors = bank.verify()

    producer.flush(60)
    wait_until(lambda: bank.concluded() > before, "something was posted meanwhile")
    assert code == 0, said


def test_what_was_changed_is_named_by_its_place(filled):
    bank = filled
    [(identifier, partition, offset)] = bank.query(
        'SELECT transaction_id, partition, "offset" FROM accounts_entry '
        "WHERE account = 'C105' AND amount_minor = 3 AND kind_id = 2"
    )
    bank.tamper(
        "UPDATE accounts_entry SET amount_minor = 4 WHERE id = (SELECT id FROM "
        "accounts_entry WHERE account = 'C105' AND amount_minor = 3 AND kind_id = 2)"
    )

    code, said, errors = bank.verify()

    place = f"topic {bank.topic}, partition {partition}, offset {offset}"
    assert code == 1
    assert re.search(rf"account C105, transaction [0-9a-f-]+, {place}: .*amount_minor is 4", said)
    assert identifier.hex() in said.replace("-", "")
    assert "discrepancies" in errors


def test_a_log_that_lost_its_beginning_is_told_and_its_rows_are_checked_by_themselves(bank):
    bank.fill(3)
    client = AdminClient({"bootstrap.servers": bank.environment["KAFKA_BOOTSTRAP_SERVERS"]})
    [removed] = client.delete_records([TopicPartition(bank.topic, 1, 2)]).values()
    removed.result(10)

    code, said, errors = bank.verify()

    assert code == 1
    assert re.search(
        r"partition 1, offset 0: the log cannot be read on: .*not there any more", said
    )
    assert "One discrepancy." in errors


def test_another_log_in_its_place_is_told(filled):
    bank = filled
    bank.tamper("UPDATE accounts_log SET topic_id = 'another'")

    code, said, _errors = bank.verify()

    assert code == 1
    assert "another log than the one that the ledger follows: topic id" in said


def test_without_kafka_it_says_so_and_can_check_the_rest(filled):
    bank = filled
    bank.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"

    code, _said, errors = bank.verify()
    assert code == 75
    assert "--without-log" in errors
    assert "Traceback" not in errors

    code, said, _errors = bank.verify("--without-log")
    assert code == 0
    assert "not compared with their messages: it was not read" in said


def test_dropped_triggers_are_named_and_put_back_on_demand(bank):
    if SERVER_URL:
        name = "accounts_entry_keeps_rows"
        bank.execute(f"DROP TRIGGER {name} ON accounts_entry")
    else:
        name = "accounts_entry_refuses_delete"
        bank.execute(f"DROP TRIGGER {name}")

    code, said, _errors = bank.verify()
    assert code == 1
    assert f"trigger {name} is missing or altered" in said

    assert bank.verify("--set-triggers")[0] == 1
    assert bank.verify()[0] == 0


def test_memory_mode_says_that_its_log_cannot_be_read_and_is_not_believed_beside_a_real_kafka(
    filled,
):
    bank = filled
    bank.tamper("UPDATE accounts_log SET is_memory = TRUE")

    believed, said, _errors = bank.verify("--without-log")
    beside, named, _errors = bank.verify()

    assert believed == 0
    assert "memory mode keeps none" in said
    assert beside == 1
    assert "memory mode filled it, and a real Kafka is running" in named


def test_entries_in_the_portals_name_that_nobody_submitted_are_said(bank):
    bank.fill(1)
    endpoint = Endpoint("external", bank.environment["KAFKA_BOOTSTRAP_SERVERS"])
    producer = Producer(endpoint)
    before = bank.concluded()
    producer.publish(bank.topic, *encode(submitted(7)), lambda _result: None)
    assert producer.flush(30) == 0
    bank.start("run_consumer")
    wait_until(lambda: bank.concluded() > before, "it is posted")

    code, said, _errors = bank.verify()

    assert code == 0
    assert "without a submission here: 1." in said


def test_a_database_without_tables_is_told_in_a_line(tmp_path):
    portal = Portal(tmp_path, "127.0.0.1:9")

    done = portal.manage("verify_ledger", check=False)

    assert done.returncode == 1
    assert "migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.django_db
def test_what_takes_long_says_how_far_it_is(monkeypatch):
    monkeypatch.setattr(verify_ledger, "ELSEWHERE_S", 0.0)
    ledger = LedgerInTest()
    ledger.post(opened(), submitted(5))
    errors = StringIO()

    call_command("verify_ledger", "--without-log", stdout=StringIO(), stderr=errors)

    assert "Verified 2 of 2 rows" in errors.getvalue()


def test_the_ids_that_were_met_are_on_disk_and_leave_nothing_there(tmp_path, monkeypatch):
    """Red with a temporary file of SQLite's own: it was memory, of as many bytes as rows."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    ids = SeenIds()
    file = Path(ids._database.execute("PRAGMA database_list").fetchone()[2])
    ids[UUID(int=1)] = b"digest"

    assert file.parent == tmp_path
    assert ids[UUID(int=1)] == b"digest"
    assert list(tmp_path.iterdir()) == []

    ids.close()


class Cramped(SeenIds):
    """A temporary file on a disk of three pages."""

    def __init__(self) -> None:
        super().__init__()
        self._database.execute("PRAGMA max_page_count = 3")


@pytest.mark.django_db
def test_no_room_for_the_temporary_file_is_no_discrepancy_and_says_the_remedy(monkeypatch):
    monkeypatch.setattr(verifying, "SeenIds", Cramped)
    ledger = LedgerInTest()
    ledger.post(opened(), *(submitted(each) for each in range(1, 300)))

    with pytest.raises(CommandError, match=r"full.*TMPDIR") as refused:
        call_command("verify_ledger", "--without-log", stdout=StringIO(), stderr=StringIO())

    assert refused.value.returncode == EXIT_TRY_AGAIN
    assert not VerificationResult.objects.exists()

    with behind_the_back() as cursor:
        cursor.execute("UPDATE accounts_entry SET amount_minor = 5 WHERE amount_minor = 2")
    with pytest.raises(CommandError, match=r"full.*Until there: ") as refused:
        call_command("verify_ledger", "--without-log", stdout=StringIO(), stderr=StringIO())

    assert refused.value.returncode == 1
    assert VerificationResult.objects.get().discrepancies > 0


def test_a_folder_that_is_not_there_is_no_discrepancy(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))

    with pytest.raises(NoRoomForIds, match="No such file"):
        SeenIds()
