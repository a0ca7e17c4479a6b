"""The broker ends in the midst of it all, and comes back."""

import time
from threading import Thread
from uuid import UUID

import psutil
import pytest

from streaming.embedded.ports import free_port
from streaming.endpoint import running_endpoint
from tests.faults.bank import ACCOUNTS, Bank, java_of
from tests.faults.invariants import check_all
from tests.faults.seeds import Chances
from tests.forked import Forked
from tests.processes import scraped, wait_until

# An answer comes every half second, and is noted once a second.
LONG_S = 4


@pytest.fixture
def metrics_port() -> int:
    return free_port(0)


@pytest.fixture
def bank(new_bank, metrics_port) -> Bank:
    """Give a bank with a broker of its own, watched, with consumer and relay."""
    bank = new_bank(has_own_broker=True)
    bank.broker = bank.start_broker()
    bank.create_topics()
    bank.open_doors()
    bank.consume("--member", "one", "--metrics-port", str(metrics_port))
    bank.open_accounts(*ACCOUNTS[:4])
    wait_until(lambda: bank.entries() == 4, "the accounts are open")
    return bank


@pytest.mark.fault("7")
def test_submissions_outlive_a_killed_broker_and_drain_in_order_on_another_port(
    bank: Bank, metrics_port: int
) -> None:
    """Guard: the outbox is read in its order. From its end, withdrawals overtake deposits."""

    def silent_s() -> float:
        return scraped(metrics_port)["bankportal_consumer_kafka_silent_seconds"]

    bank.relay()
    bank.teller.deposit(100)
    wait_until(lambda: bank.balance("C100") == 100, "the first is posted")
    before = running_endpoint(bank.folder).bootstrap_servers
    wait_until(lambda: silent_s() < LONG_S, "the consumer tells that Kafka is heard")

    bank.broker.kill()
    bank.broker.wait(30)
    began = time.monotonic()
    bank.teller.withdraw(100)
    for amount_minor in (40, 7, 3_000, 1):
        bank.teller.deposit(amount_minor)
        bank.teller.withdraw(amount_minor)
    took_s = time.monotonic() - began
    last = next(reversed(bank.teller.acknowledged))
    assert "queued" in bank.teller.get(f"/transactions/{last}/status/").body
    assert bank.entries() == 5
    wait_until(lambda: silent_s() > LONG_S, "the consumer tells that Kafka is silent")
    bank.start_broker("--port", str(free_port(0)))
    bank.settles()
    wait_until(lambda: silent_s() < LONG_S, "the consumer tells that Kafka is back")

    assert len(bank.teller.acknowledged) == 10
    assert took_s < 9 * 2
    assert running_endpoint(bank.folder).bootstrap_servers != before
    order = bank.query("SELECT transaction_id FROM accounts_entry WHERE kind_id > 1 ORDER BY id")
    assert [UUID(bytes=each) for (each,) in order] == list(bank.teller.acknowledged)
    # Had a withdrawal overtaken its deposit, it would have been refused.
    assert bank.value("SELECT count(*) FROM accounts_entry WHERE outcome = 2") == 0
    assert bank.balance("C100") == 0
    check_all(bank)


@pytest.mark.long
@pytest.mark.fault("8")
def test_a_broker_killed_between_append_and_acknowledgement_has_one_posting_of_each(
    bank: Bank, chances: Chances
) -> None:
    """Guard: the idempotent producer, and each id concluded once.

    Without both the log holds a message twice and the consumer dies of the second one.
    """
    relay = bank.relay()
    for _ in range(chances.randint(1, 10)):
        bank.teller.deposit(chances.randint(1, 500), chances.choice(ACCOUNTS[:4]))
    bank.settles()

    hits = rounds = 0
    while not hits:
        rounds += 1
        assert rounds <= 5, "it was never killed between append and acknowledgement"
        stop_between_append_and_acknowledgement(bank, relay)
        killed_ms = time.time_ns() // 1_000_000
        java_of(bank.broker).kill()
        bank.broker.wait(30)
        bank.broker = bank.start_broker()
        bank.settles()
        hits = appended_before_and_acknowledged_after(bank, killed_ms)

    assert relay.poll() is None
    assert bank.entries() == 4 + len(bank.teller.acknowledged)
    check_all(bank)


def stop_between_append_and_acknowledgement(bank: Bank, relay: Forked) -> None:
    """Stop Kafka where it has written a message to its log and the relay has not heard of it.

    It forces each message onto the disk before it acknowledges it, which takes far longer than
    to see that the log has grown.
    """
    segments = list((bank.folder / "kafka" / "log").glob(f"{bank.topic}-*/*.log"))
    java = java_of(bank.broker)
    acknowledged = "SELECT count(*) FROM accounts_outbox WHERE published_at_ms > 0"
    for _ in range(50):
        before = [each.stat().st_size for each in segments]
        submitting = Thread(target=bank.teller.deposit, args=(100,))
        submitting.start()
        deadline = time.monotonic() + 60
        while [each.stat().st_size for each in segments] == before:
            assert time.monotonic() < deadline, "Kafka appends nothing."
        java.suspend()
        submitting.join()
        due = len(bank.teller.acknowledged)
        # In so many turns of its loop the relay writes down whatever it has heard.
        enough = turns_of(relay) + 200
        wait_until(
            lambda due=due, enough=enough: (
                bank.value(acknowledged) == due or turns_of(relay) > enough
            ),
            "the relay has had time",
        )
        if bank.value(acknowledged) < due:
            return
        java.resume()
    raise AssertionError("The broker was never stopped between append and acknowledgement.")


def turns_of(process: Forked) -> int:
    """How often a process has had nothing to do for a moment."""
    return psutil.Process(process.pid).num_ctx_switches().voluntary


def appended_before_and_acknowledged_after(bank: Bank, moment_ms: int) -> int:
    """Count what the log took before a moment and the relay heard of only after it."""
    return bank.value(
        "SELECT count(*) FROM accounts_outbox o JOIN accounts_submission s ON s.id = "
        "o.submission_id JOIN accounts_entry e ON e.transaction_id = s.transaction_id "
        "WHERE e.logged_at_ms <= ? AND o.published_at_ms > ?",
        [moment_ms, moment_ms],
    )
