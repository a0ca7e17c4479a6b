"""What happens to submissions while the broker is away, killed, or back on another port."""

import re
from itertools import count
from pathlib import Path

import pytest

from accounts.events import Event, encode
from streaming.endpoint import running_endpoint
from streaming.kafka.producer import Producer
from tests.builders import opened, submitted
from tests.databases import copy_database
from tests.faults.invariants import check_books
from tests.forked import Forked
from tests.processes import Portal, wait_until
from tests.streaming.test_posting_end_to_end import SUBMIT, murmur2


class BankWithBroker(Portal):
    """A portal with an embedded broker of its own."""

    def submit(self, *movements: tuple[str, int]) -> None:
        self.python(SUBMIT.format(movements=list(movements)))

    def publish(self, *events: Event) -> None:
        producer = Producer(running_endpoint(self.folder))
        for event in events:
            producer.publish(self.topic, *encode(event), lambda _result: None)
        assert producer.flush(30) == 0

    def start_broker(self):
        process = self.start("run_broker")
        wait_until(lambda: running_endpoint(self.folder), "the broker runs")
        return process


@pytest.fixture
def bank(kafka, empty_database, tmp_path):
    # The shared broker has fetched the jars, or skipped the test.
    bank = BankWithBroker(
        tmp_path, "", KAFKA_TOPIC="submissions", KAFKA_DEAD_LETTER_TOPIC="submissions.dead"
    )
    bank.topic = "submissions"
    copy_database(empty_database, tmp_path)
    yield bank
    bank.close()


@pytest.mark.long
@pytest.mark.fault("16b")
def test_a_log_cut_under_a_running_consumer_stops_it_naming_partition_and_offset(bank):
    broker = bank.start_broker()
    bank.manage("create_topics")
    account = account_on(1)
    bank.publish(opened(account=account), submitted(1, account=account))
    segment = bank.folder / "kafka" / "log" / "submissions-1" / f"{0:020d}.log"
    kept = segment.stat().st_size
    bank.publish(*[submitted(10, account=account) for _ in range(3)])
    consumer = bank.start("run_consumer")
    wait_until(lambda: bank.balance(account) == 31, "all are posted")

    broker.kill()
    broker.wait()
    wait_until(lambda: running_endpoint(bank.folder) is None, "the broker is gone")
    with segment.open("r+b") as log:
        log.truncate(kept)
    bank.start_broker()
    bank.publish(*[submitted(1_000, account=account) for _ in range(6)])

    assert consumer.wait(60) == 78
    assert re.search(r"partition 1: .*offset 4, the last one read", bank.output_of("run_consumer"))
    assert bank.balance(account) == 31
    check_books(bank)


def test_a_damaged_partition_holds_up_no_other(bank):
    bank.start_broker()
    bank.manage("create_topics")
    accounts = {partition: account_on(partition) for partition in range(3)}
    bank.publish(*[opened(account=each) for each in accounts.values()])
    segment = bank.folder / "kafka" / "log" / "submissions-1" / f"{0:020d}.log"
    start = segment.stat().st_size
    bank.publish(submitted(10, account=accounts[1], reference="to be damaged"))
    whole = segment.read_bytes()
    damaged = start + whole[start:].index(b"to be damaged")
    write_at(segment, damaged, b"XX")

    bank.start("run_consumer")

    wait_until(lambda: "failed CRC32C check" in bank.output_of("run_consumer"), "it has said so")
    bank.publish(*[submitted(5, account=accounts[each]) for each in range(3)])
    wait_until(lambda: bank.balance(accounts[0]) == bank.balance(accounts[2]) == 5, "both post")
    assert bank.balance(accounts[1]) in {None, 0}
    write_at(segment, damaged, b"to")
    wait_until(lambda: bank.balance(accounts[1]) == 15, "the mended one posts all")


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


def account_on(partition: int) -> str:
    """Give an account that has its place on that one of three partitions."""
    numbers = (f"C{number}" for number in count(100))
    return next(each for each in numbers if (murmur2(each.encode()) & 0x7FFFFFFF) % 3 == partition)


def stop(process: Forked) -> None:
    process.terminate()
    assert process.wait(60) == 0


def write_at(file: Path, place: int, content: bytes) -> None:
    with file.open("r+b") as opened_file:
        opened_file.seek(place)
        opened_file.write(content)
