"""Importing history through a real Kafka and a real consumer, and what bad files get."""

import io
import re
import signal
import socket
import sqlite3
import time
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.events import encode
from accounts.models import Account, Branch
from streaming.kafka.admin import create_topic
from streaming.management.commands.import_transactions import NICENESS
from tests.builders import opened, submitted, withdrawn
from tests.kafka_fixtures import BrokerRun
from tests.processes import Portal, wait_until

HEADER = "transaction_date;account;transaction_value;balance\n"
SHIPPED = Path(__file__).parents[2] / "data" / "client_transactions.csv"
OVERTAKEN = 2_000


class Bank(Portal):
    """A portal with the shortcuts of these tests."""

    def load(self, *arguments: object, check: bool = True):
        return self.manage("import_transactions", *map(str, arguments), check=check)

    def entries(self) -> int:
        return self.value("SELECT count(*) FROM accounts_entry")

    def transactions(self) -> int:
        return self.value("SELECT count(*) FROM accounts_entry WHERE kind_id <> 1")

    def ahead(self) -> int:
        """How many messages are in Kafka that the ledger has not concluded."""
        return int(
            self.python("from streaming.log_status import log_status; print(log_status().lag or 0)")
        )


@pytest.fixture
def bank(kafka, portal_on) -> Bank:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    for topic in (bank.topic, f"{bank.topic}.dead"):
        create_topic(kafka, topic, partition_count=3)
    return bank


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def history(folder: Path, lines: list[str], name: str = "history.csv") -> Path:
    path = folder / name
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return path


def deposits(count: int, account: str = "C7") -> list[str]:
    return [f"01/02/2024;{account};1;{number}" for number in range(1, count + 1)]


def test_the_shipped_file_gives_the_same_ledger_after_one_import_and_after_three(bank) -> None:
    bank.start("run_consumer")

    first = bank.load(SHIPPED)
    ledger_after_one = bank.query("SELECT * FROM accounts_entry ORDER BY id")
    second, third = bank.load(SHIPPED), bank.load(SHIPPED)

    assert (bank.balance("C100"), bank.balance("C200")) == (83_000, 230_000)
    assert bank.transactions() == 5
    assert bank.query("SELECT * FROM accounts_entry ORDER BY id") == ledger_after_one
    assert "5 new, 0 already" in first.stdout
    assert "0 new, 5 already" in second.stdout
    assert "0 new, 5 already" in third.stdout
    assert "balances of the file and of the ledger agree" in third.stdout
    kept = bank.query("SELECT act, command, object_id FROM accounts_auditrecord")
    assert kept == [("import", "import_transactions", "client_transactions.csv")] * 3


def test_what_is_published_again_before_it_is_concluded_is_a_repeat(bank) -> None:
    for published in (7, 14):
        importing = bank.start("import_transactions", str(SHIPPED))
        wait_until(lambda published=published: bank.ahead() >= published, "all of it is in Kafka")
        importing.send_signal(signal.SIGINT)
        importing.wait(20)
    assert bank.ahead() == 14

    bank.start("run_consumer")

    wait_until(lambda: bank.value("SELECT sum(repeats) FROM accounts_logposition") == 7, "repeats")
    assert (bank.balance("C100"), bank.balance("C200")) == (83_000, 230_000)
    assert bank.value("SELECT count(*) FROM accounts_deadletter") == 0


def test_a_grown_and_reordered_file_adds_only_what_is_new(bank, tmp_path) -> None:
    bank.start("run_consumer")
    alike = "03/02/2024;C7;5;5"
    bank.load(history(tmp_path, [alike, alike]), check=False)

    grown = history(tmp_path, ["01/02/2024;C8;2;2", alike, alike, alike])
    run = bank.load(grown, check=False)

    assert "2 new, 2 already" in run.stdout
    assert (bank.balance("C7"), bank.balance("C8")) == (1_500, 200)


def test_todays_sqlite_file_and_the_history_file_tell_the_same_facts(bank, tmp_path) -> None:
    path = tmp_path / "today.db"
    today = sqlite3.connect(path)
    today.execute(
        "CREATE TABLE transactions (transaction_date TEXT, account TEXT, transaction_value REAL,"
        " balance REAL, transaction_type TEXT)"
    )
    for line in SHIPPED.read_text().splitlines()[1:]:
        day, account, value, balance = line.split(";")
        kind = "Withdrawal" if value.startswith("-") else "Deposit"
        row = (day, account, abs(float(value)), float(balance), kind)
        today.execute("INSERT INTO transactions VALUES (?, ?, ?, ?, ?)", row)
    today.commit()
    today.close()
    bank.start("run_consumer")

    bank.load(path)
    run = bank.load(SHIPPED)

    assert "0 new, 5 already" in run.stdout
    assert (bank.balance("C100"), bank.balance("C200")) == (83_000, 230_000)


def test_accounts_are_opened_and_filed_at_the_branch_that_is_named(bank, tmp_path) -> None:
    bank.python(
        "from accounts.models import Account, Branch\n"
        "Branch.objects.create(code='a', name='A'); Branch.objects.create(code='b', name='B')\n"
        "Account.objects.create(number='C8', holder='Known', branch=None)"
    )
    bank.start("run_consumer")

    bank.load(history(tmp_path, deposits(1, "C7") + deposits(1, "C8")), "--branch", "b")
    bank.load(history(tmp_path, deposits(1, "C9")))

    filed = bank.query(
        "SELECT number, holder, code FROM accounts_account"
        " LEFT JOIN accounts_branch b ON b.id = branch_id ORDER BY number"
    )
    assert filed == [("C7", "", "b"), ("C8", "Known", None), ("C9", "", "a")]
    assert bank.value("SELECT count(*) FROM accounts_entry WHERE kind_id = 1") == 3


def test_an_account_opened_before_is_not_opened_again(bank, tmp_path) -> None:
    bank.start("run_consumer")
    bank.load(history(tmp_path, deposits(1)))

    run = bank.load(history(tmp_path, deposits(2)))

    assert "0 accounts opened" in run.stdout
    assert bank.value("SELECT count(*) FROM accounts_entry WHERE outcome = 2") == 0


def test_differences_to_the_claimed_balances_are_reported_by_line(bank, tmp_path) -> None:
    bank.start("run_consumer")
    wrong = history(tmp_path, ["01/02/2024;C7;10;10", "02/02/2024;C7;5;14.99"])

    run = bank.load(wrong, check=False)

    assert run.returncode == 1
    assert "Line 3, account C7: the file says 14.99, the ledger 15.00." in run.stderr
    assert bank.balance("C7") == 1_500


def test_history_is_posted_below_the_least_balance_and_said(bank, tmp_path) -> None:
    bank.start("run_consumer")

    run = bank.load(history(tmp_path, ["01/02/2024;C7;-10;-10"]))

    assert "1 row leaves its account overdrawn" in run.stdout
    assert bank.balance("C7") == -1_000


def refusal(*arguments: object) -> str:
    """What the command says of a file that it refuses, all of it."""
    said = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("import_transactions", *map(str, arguments), stderr=said)
    assert refused.value.returncode == 1
    return f"{said.getvalue()}{refused.value}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Line 1: the file is empty"),
        (b"a;b;c\n1;2;3\n", "Line 1: the header is 'a;b;c'"),
        ((HEADER + "01/01/2024;C\xe9;1;1\n").encode("latin-1"), "Line 2: the line is not UTF-8"),
        ((HEADER + "01/01/2024;C1;1;1\n02/01/2024;C1;1\n").encode(), "Line 3: there are 3 columns"),
        ((HEADER + "01/01/2024;C1;0;0\n").encode(), "Line 2: the value is zero"),
        ((HEADER + "01/01/2024;C1;1;1\n01/01/3024;C1;1;1\n").encode(), "Line 3: the date"),
    ],
    ids=["empty", "other header", "Latin-1", "short line", "zero", "absurd date"],
)
def test_a_bad_file_is_refused_before_anything_is_done(tmp_path, content, reason) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(content)

    said = refusal(path)

    assert reason in said
    # Filing accounts comes before publishing, and has not happened.
    assert not Account.objects.exists()


@pytest.mark.django_db
def test_what_is_no_readable_file_gets_one_line(tmp_path) -> None:
    own = Path(connection.settings_dict["NAME"])
    for path in (tmp_path, tmp_path / "none.csv", own):
        assert "\n" not in refusal(path)


@pytest.mark.django_db
def test_an_unknown_branch_is_refused_with_those_that_exist() -> None:
    Branch.objects.create(code="a", name="A")

    assert "There is no branch 'z'. There are: a." in refusal(SHIPPED, "--branch=z")


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "x"])
def test_a_pace_that_means_nothing_is_refused(rate) -> None:
    with pytest.raises(CommandError, match="no number of rows a second"):
        call_command("import_transactions", str(SHIPPED), f"--rate={rate}")


def test_a_file_without_a_good_line_publishes_nothing(bank, tmp_path) -> None:
    run = bank.load(history(tmp_path, ["nonsense"]), "--skip-bad-lines", check=False)

    assert run.returncode == 1
    assert "no good line" in run.stderr
    assert "Traceback" not in run.stderr
    assert bank.ahead() == 0


def test_bad_lines_are_left_out_when_asked(bank, tmp_path) -> None:
    bank.start("run_consumer")
    mixed = history(tmp_path, ["01/02/2024;C7;10;10", *["nonsense"] * 25, "02/02/2024;C7;5;15"])

    run = bank.load(mixed, "--skip-bad-lines")

    assert "25 bad lines left out" in run.stdout
    assert run.stderr.count("there are 1 columns") == 20
    assert "And 5 more bad lines." in run.stderr
    assert bank.balance("C7") == 1_500


def test_the_pace_is_kept_and_said(bank, tmp_path) -> None:
    bank.start("run_consumer")
    started = time.monotonic()

    run = bank.load(history(tmp_path, deposits(13)), "--rate", "5")

    assert time.monotonic() - started > 13 / 5
    # The account is opened too.
    assert re.search(r"Published \d+ of 14 events, \d/s, \d+ s left", run.stdout + run.stderr)


@pytest.mark.parametrize("asked_by", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_go_on_and_going_on_completes_it(
    bank, tmp_path, asked_by
) -> None:
    bank.start("run_consumer")
    path = history(tmp_path, deposits(200))
    importing = bank.start("import_transactions", str(path), "--rate", "20")
    wait_until(lambda: bank.balance("C7"), "some are posted")
    # Those whom somebody waits for go first.
    assert psutil.Process(importing.pid).nice() == min(19, psutil.Process().nice() + NICENESS)

    importing.send_signal(asked_by)

    assert importing.wait(20) == 130
    assert "Run the same command again" in bank.output_of("import_transactions")
    assert "Traceback" not in bank.output_of("import_transactions")
    bank.load(path)
    assert bank.balance("C7") == 20_000


def test_without_a_consumer_it_stays_within_its_bound_and_says_whom_it_waits_for(
    bank, tmp_path
) -> None:
    path = history(tmp_path, deposits(OVERTAKEN + 2_000))
    importing = bank.start("import_transactions", str(path))

    wait_until(
        lambda: "Waiting for the consumer" in bank.output_of("import_transactions"),
        "it says whom it waits for",
    )
    ahead = bank.ahead()
    bank.start("run_consumer")

    assert ahead == OVERTAKEN
    assert importing.wait(60) == 0
    assert bank.balance("C7") == (OVERTAKEN + 2_000) * 100


def test_a_topic_that_is_not_there_yet_is_waited_for(kafka, portal_on) -> None:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    importing = bank.start("import_transactions", str(SHIPPED))
    wait_until(
        lambda: "no topic" in bank.output_of("import_transactions"), "it says what is missing"
    )

    bank.manage("create_topics")
    bank.start("run_consumer")

    assert importing.wait(60) == 0
    assert bank.balance("C100") == 83_000


def test_kafka_coming_back_elsewhere_in_mid_import_is_followed(
    start_broker, portal_on, tmp_path
) -> None:
    first: BrokerRun = start_broker(tmp_path)
    first.ready()
    bank = portal_on("", Bank)
    bank.manage("create_topics")
    path = history(tmp_path, deposits(400))
    bank.start("run_consumer")
    importing = bank.start("import_transactions", str(path), "--rate", "100")
    wait_until(lambda: bank.balance("C7"), "some are posted")

    first.kill()
    start_broker(tmp_path, "--port", str(free_port())).ready()

    assert importing.wait(100) == 0
    assert bank.balance("C7") == 40_000
    assert bank.value("SELECT count(*) FROM accounts_deadletter") == 0


def test_other_publishers_events_between_ours_change_nothing(bank, tmp_path) -> None:
    bank.start("run_consumer")
    bank.load(history(tmp_path, deposits(1)))
    bank.python(
        f"""
        from streaming.endpoint import current_endpoint
        from streaming.kafka.producer import Producer
        producer = Producer(current_endpoint())
        for key, value in {[encode(opened(account="X")), encode(submitted(account="X"))]!r}:
            producer.publish("{bank.topic}", key, value, lambda result: None)
        producer.publish("{bank.topic}", *{encode(withdrawn(50, account="C7"))!r}, print)
        assert producer.flush(20) == 0
        """
    )

    run = bank.load(history(tmp_path, deposits(2)), check=False)

    assert "Line 3, account C7: the file says 2.00, the ledger 1.50." in run.stderr
