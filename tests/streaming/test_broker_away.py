"""What happens to submissions while the broker is away, killed, or back on another port."""

import pytest

from accounts.events import encode
from streaming.endpoint import endpoint_path, running_endpoint
from streaming.kafka.producer import Producer
from tests.builders import opened
from tests.processes import Portal, wait_until
from tests.streaming.test_posting_end_to_end import SUBMIT


class BankWithBroker(Portal):
    """A portal with an embedded broker of its own."""

    def submit(self, *movements: tuple[str, int]) -> None:
        self.python(SUBMIT.format(movements=list(movements)))

    def start_broker(self):
        process = self.start("run_broker")
        wait_until(lambda: running_endpoint(self.folder), "the broker runs")
        return process


@pytest.fixture
def bank(kafka, tmp_path):
    # The shared broker has fetched the jars, or skipped the test.
    bank = BankWithBroker(
        tmp_path, "", KAFKA_TOPIC="submissions", KAFKA_DEAD_LETTER_TOPIC="submissions.dead"
    )
    bank.topic = "submissions"
    bank.manage("migrate", "-v0")
    yield bank
    bank.close()


def test_submissions_outlive_a_killed_broker_and_drain_in_order_on_another_port(bank):
    broker = bank.start_broker()
    bank.manage("create_topics")
    producer = Producer(running_endpoint(bank.folder))
    producer.publish("submissions", *encode(opened()), lambda _result: None)
    assert producer.flush(30) == 0
    bank.start("run_consumer", "--member", "one")
    bank.start("run_relay")
    bank.submit(("DEPOSIT", 100))
    wait_until(lambda: bank.balance("C100") == 100, "the first is posted")
    port = running_endpoint(bank.folder).bootstrap_servers

    broker.kill()
    broker.wait()
    bank.submit(("WITHDRAWAL", 100), ("DEPOSIT", 40), ("WITHDRAWAL", 40), ("DEPOSIT", 7))
    waiting = bank.value("SELECT count(*) FROM accounts_outbox WHERE NOT is_done")
    assert waiting >= 4
    endpoint_path(bank.folder).unlink(missing_ok=True)
    bank.start("run_broker", "--port", str(free_port()))
    wait_until(lambda: running_endpoint(bank.folder), "the broker is back")

    wait_until(lambda: bank.balance("C100") == 7, "all are posted")
    assert running_endpoint(bank.folder).bootstrap_servers != port
    assert bank.value("SELECT count(*) FROM accounts_entry WHERE outcome = 2") == 0
    assert bank.value("SELECT count(*) FROM accounts_entry") == 6


def test_asked_to_stop_while_the_broker_is_away_both_end_with_exit_code_0(bank):
    broker = bank.start_broker()
    bank.manage("create_topics")
    consumer, relay = bank.start("run_consumer"), bank.start("run_relay")
    wait_until(lambda: "Reading partitions" in bank.output_of("run_consumer"), "it reads")
    wait_until(lambda: "Publishing to" in bank.output_of("run_relay"), "it publishes")
    broker.kill()
    broker.wait()

    consumer.terminate()
    relay.terminate()

    assert (consumer.wait(15), relay.wait(15)) == (0, 0)


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
