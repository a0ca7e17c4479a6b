"""The command that makes the ledger anew, on a real Kafka, beside real consumers."""

import signal
import time

import pytest

from accounts.events import encode
from tests.builders import submitted
from tests.databases import SERVER_URL
from tests.processes import wait_until
from tests.streaming.recovery import Bank, called


@pytest.fixture
def bank(kafka, portal_on) -> Bank:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


def change(bank: Bank, statement: str) -> None:
    """Change the database as somebody with all rights to it can."""
    assert bank.execute(statement) == 1


def test_a_ledger_equals_what_its_log_makes(concluded):
    bank = concluded(300)
    before, outbox = bank.ledger(), bank.query("SELECT * FROM accounts_outbox")

    run = bank.manage("rebuild_ledger")

    assert "Equal: 300 messages" in run.stdout
    assert bank.ledger() == before
    assert bank.query("SELECT * FROM accounts_outbox") == outbox
    assert bank.scratch_tables() == []


def test_each_difference_is_named_and_the_exit_code_says_it(concluded):
    bank = concluded(300)
    change(bank, "UPDATE accounts_balance SET balance_minor = 1 WHERE account = 'C1'")
    change(bank, "UPDATE accounts_dailytotal SET count = 1 WHERE account = 'C3' AND kind_id = 2")

    run = bank.manage("rebuild_ledger", check=False)

    assert run.returncode == 1
    assert "Balance, account C1: balance_minor is 1, and" in run.stdout
    assert "account C3: count is 1, and" in run.stdout
    assert "2 differences" in run.stderr
    assert "Traceback" not in run.stderr
    assert bank.scratch_tables() == []


def test_beside_a_consumer_that_goes_on_posting_the_comparison_is_of_the_start(bank):
    bank.publish_something(2_000)
    bank.post_all(2_000)
    bank.start("run_consumer", "--member", "one")
    comparing = bank.start("rebuild_ledger")

    sent = 0
    while comparing.poll() is None:
        bank.publish(*(encode(submitted(1, account="C1")) for _ in range(20)))
        sent += 20

    assert comparing.returncode == 0
    assert "Equal: " in bank.output_of("rebuild_ledger")
    assert sent > 0
    bank.wait_for(2_000 + sent)


def test_a_killed_rebuild_is_no_matter_to_the_next_one(concluded):
    bank = concluded(3_000)
    killed = bank.start("rebuild_ledger")
    wait_until(bank.scratch_tables, "it has begun")
    killed.kill()
    killed.wait()
    left = bank.scratch_tables()

    run = bank.manage("rebuild_ledger")

    assert left != []
    assert "Equal: 3,000" in run.stdout
    assert bank.scratch_tables() == []


def test_asked_to_stop_it_leaves_nothing(concluded):
    bank = concluded(3_000)
    asked = bank.start("rebuild_ledger")
    wait_until(bank.scratch_tables, "it has begun")

    asked.send_signal(signal.SIGINT)

    assert asked.wait(30) in {130, 0}
    assert bank.scratch_tables() == []
    assert "Traceback" not in bank.output_of("rebuild_ledger")


def test_a_second_rebuild_is_refused_while_one_runs(concluded):
    bank = concluded(3_000)
    first = bank.spawn("rebuild_ledger", "manage.py", "rebuild_ledger")
    wait_until(bank.scratch_tables, "it has begun")
    first.send_signal(signal.SIGSTOP)

    second = bank.manage("rebuild_ledger", check=False)

    first.kill()
    assert second.returncode == 1
    assert f"rebuilt by {called('rebuild_ledger', first)}" in second.stderr


def test_a_ledger_without_a_log_is_sent_on(bank):
    run = bank.manage("rebuild_ledger", check=False)

    assert run.returncode == 1
    assert "run_consumer" in run.stderr
    assert "Traceback" not in run.stderr


def test_replaced_the_ledger_is_right_and_goes_on_with_the_same_chain(bank):
    bank.publish_something(300)
    bank.post_all(300)
    right = bank.ledger()
    change(bank, "UPDATE accounts_balance SET balance_minor = 1 WHERE account = 'C1'")
    epoch = bank.value("SELECT rebuilt_at_ms FROM accounts_log")

    run = bank.manage("rebuild_ledger", "--replace")

    assert "balance_minor is 1, and" in run.stdout
    kept = "kept in the schema" if SERVER_URL else "A backup of the database as it was"
    assert kept in run.stdout
    assert bank.ledger() == right
    assert (epoch, bank.value("SELECT rebuilt_at_ms > 0 FROM accounts_log")) == (None, 1)
    assert bank.manage("migrate", "--check").returncode == 0
    kept = bank.query("SELECT act, command FROM accounts_auditrecord ORDER BY id DESC LIMIT 1")
    assert kept == [("rebuild", "rebuild_ledger")]
    assert "agrees with itself" in bank.manage("verify_audit").stdout
    bank.publish(encode(submitted(5, account="C1")))
    bank.post_all(301)
    assert "Equal: 301" in bank.manage("rebuild_ledger").stdout


def test_a_replacement_goes_on_to_the_end_of_the_log(bank):
    bank.publish_something(100)
    bank.post_all(100)
    bank.publish(*(encode(submitted(1, account="C1")) for _ in range(50)))

    run = bank.manage("rebuild_ledger", "--replace")

    assert "in place: 150 messages" in run.stdout
    bank.wait_for(150)


@pytest.mark.parametrize("command", ["run_consumer", "run_relay"])
def test_a_replacement_is_refused_while_somebody_works_with_the_ledger(concluded, command):
    bank = concluded(300)
    running = bank.spawn(command, "manage.py", command)
    wait_until(lambda: "ing " in bank.output_of(command), "it runs")

    run = bank.manage("rebuild_ledger", "--replace", check=False)

    assert run.returncode == 1
    assert f"in use by {called(command, running)}" in run.stderr
    assert not (bank.folder / "backups").exists()


def test_nobody_begins_to_work_with_a_ledger_that_is_being_replaced(concluded):
    bank = concluded(3_000)
    replacing = bank.spawn("rebuild_ledger", "manage.py", "rebuild_ledger", "--replace")
    wait_until(bank.scratch_tables, "it has begun")
    replacing.send_signal(signal.SIGSTOP)

    late = bank.manage("run_consumer", check=False)

    replacing.kill()
    assert late.returncode == 75
    assert f"is being replaced by {called('rebuild_ledger', replacing)}" in late.stderr


def test_killed_at_any_moment_of_a_replacement_there_is_one_whole_ledger(concluded):
    bank = concluded(3_000)
    whole = bank.ledger()
    change(bank, "UPDATE accounts_balance SET balance_minor = 1 WHERE account = 'C1'")
    damaged = bank.ledger()
    kills = 0

    # Behind the last message only the comparison and the swap are left.
    for delay_s in (0.0, 0.005, 0.02, 0.05):
        replacing = bank.start("rebuild_ledger", "--replace")
        wait_until(
            lambda: bank.rebuilt() == 3_000 or replacing.poll() is not None,  # noqa: B023
            "all is concluded anew",
        )
        time.sleep(delay_s)
        kills += replacing.poll() is None
        replacing.kill()
        replacing.wait()

        assert bank.ledger() in (whole, damaged)
        assert SERVER_URL or bank.value("PRAGMA integrity_check") == "ok"

    assert kills > 0
    bank.manage("rebuild_ledger", "--replace")
    assert bank.ledger() == whole
