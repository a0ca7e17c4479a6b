"""Relay and consumer as real processes on a real Kafka."""

import json
import signal
from collections import defaultdict

import pytest

from accounts.events import Event, encode
from accounts.models import DailyTotal
from streaming.endpoint import Endpoint
from streaming.kafka.admin import create_topic
from streaming.kafka.producer import _SETTINGS, Producer
from tests.builders import LedgerInTest, opened, submitted, withdrawn
from tests.processes import Portal, wait_until

SUBMIT = """
from accounts.identifiers import new_transaction_id
from accounts.models import Account, Agent, Branch, Kind
from accounts.services.submissions import submit_transaction
branch, _ = Branch.objects.get_or_create(code="lyon", name="Lyon")
Account.objects.update_or_create(number="C100", defaults={{"branch": branch}})
teller, _ = Agent.objects.get_or_create(
    username="teller", defaults={{"role": "teller", "branch": branch}}
)
for kind, amount_minor in {movements}:
    submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100", kind=Kind[kind], amount_minor=amount_minor, by=teller,
    )
"""


class Bank(Portal):
    """A portal with the shortcuts of these tests."""

    def publish(
        self,
        *messages: tuple[bytes | None, bytes | None],
        headers: dict[str, str] | None = None,
    ) -> None:
        """Publish as another system would."""
        endpoint = Endpoint("external", self.environment["KAFKA_BOOTSTRAP_SERVERS"])
        producer = Producer(endpoint)
        results: list[object] = []
        for key, value in messages:
            producer.publish(self.topic, key, value, results.append, headers)
        assert producer.flush(30) == 0
        assert len(results) == len(messages)

    def submit(self, *movements: tuple[str, int]) -> None:
        """Submit as an agent does, without waiting for anything."""
        self.python(SUBMIT.format(movements=list(movements)))

    def entries(self) -> int:
        return self.value("SELECT count(*) FROM accounts_entry")

    def waits_for_entries(self, count: int) -> None:
        wait_until(lambda: self.entries() >= count, f"there are {count} entries")
        assert self.entries() == count


@pytest.fixture
def bank(kafka, portal_on):
    bank = portal_on(kafka.bootstrap_servers, Bank)
    for topic in (bank.topic, f"{bank.topic}.dead"):
        create_topic(kafka, topic, partition_count=3)
    return bank


def murmur2(key: bytes) -> int:
    """The hash by which Java's producers choose a partition, after its description."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    whole = len(key) & ~3
    found = 0x9747B28C ^ len(key)
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        found = found * factor & mask ^ word
    if key[whole:]:
        found = (found ^ int.from_bytes(key[whole:], "little")) * factor & mask
    found = (found ^ found >> 13) * factor & mask
    return found ^ found >> 15


def test_accounts_are_on_the_partitions_where_java_would_put_them(bank):
    keys = [f"C{number}".encode() for number in range(100, 140)]
    endpoint = Endpoint("external", bank.environment["KAFKA_BOOTSTRAP_SERVERS"])
    producer = Producer(endpoint)
    partitions: dict[bytes, int] = {}

    for key in keys:
        producer.publish(
            bank.topic, key, b"x", lambda result, key=key: partitions.update({key: result[0]})
        )
    producer.flush(30)

    assert partitions == {key: (murmur2(key) & 0x7FFFFFFF) % 3 for key in keys}


def test_two_partitions_share_no_row_of_the_totals(kafka, topic, db):
    accounts = [f"C{number}" for number in range(100, 110)]
    makers = (opened, submitted, submitted)
    events = [make(account=account) for make in makers for account in accounts]
    placed: dict[int, list[Event]] = defaultdict(list)
    producer = Producer(kafka)
    for event in events:
        producer.publish(
            topic, *encode(event), lambda result, event=event: placed[result[0]].append(event)
        )
    assert producer.flush(30) == 0
    ledger, known, changed = LedgerInTest(), set(), []

    for partition, its in placed.items():
        ledger.post(*its, partition=partition)
        totals = set(DailyTotal.objects.values_list("account", "business_date", "kind", "count"))
        changed.append({total[:3] for total in totals - known})
        known = totals

    assert len(changed) >= 2
    assert sum(map(len, changed)) == len(set.union(*changed)) == len(accounts)


def test_a_producer_gives_nothing_up_and_repeats_nothing():
    assert _SETTINGS["enable.idempotence"] is True
    assert _SETTINGS["acks"] == "all"
    assert _SETTINGS["message.timeout.ms"] == 0


def test_a_submission_travels_to_the_ledger_and_is_done(bank):
    bank.publish(encode(opened()))
    bank.start("run_consumer")
    bank.start("run_relay")

    bank.submit(("DEPOSIT", 10_000), ("WITHDRAWAL", 2_500))

    wait_until(lambda: bank.balance("C100") == 7_500, "both are posted")
    wait_until(
        lambda: bank.value("SELECT count(*) FROM accounts_outbox WHERE is_done") == 2,
        "the outbox is done",
    )
    assert bank.value("SELECT max(attempts) FROM accounts_outbox") == 1


def test_what_is_queued_while_kafka_waits_drains_in_order(bank):
    bank.publish(encode(opened()))
    bank.submit(*[("DEPOSIT", 100), ("WITHDRAWAL", 100)] * 25)
    bank.start("run_consumer")

    bank.start("run_relay")

    bank.waits_for_entries(51)
    assert bank.value("SELECT count(*) FROM accounts_entry WHERE outcome = 2") == 0
    assert bank.balance("C100") == 0


@pytest.mark.fault("17")
def test_rows_whose_acknowledgement_a_kill_took_are_published_again_and_posted_once(bank):
    bank.publish(encode(opened()))
    bank.submit(*[("DEPOSIT", 1)] * 20)
    relay = bank.start("run_relay")
    published = "SELECT count(*) FROM accounts_outbox WHERE published_at_ms > 0"
    wait_until(lambda: bank.value(published) == 20, "all are acknowledged")
    relay.kill()
    relay.wait()
    # Kafka has them; the relay died before it could write that down.
    bank.python("from accounts.models import Outbox; Outbox.objects.update(published_at_ms=None)")

    bank.start("run_relay")
    bank.start("run_consumer")

    wait_until(lambda: bank.value(published) == 20, "all are acknowledged again")
    wait_until(
        lambda: bank.value("SELECT sum(repeats) FROM accounts_logposition") == 20,
        "all are repeats",
    )
    assert (bank.entries(), bank.balance("C100")) == (21, 20)
    assert bank.value("SELECT min(attempts) FROM accounts_outbox") == 2


@pytest.mark.parametrize("asked_by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["run_consumer", "run_relay"])
def test_asked_to_stop_it_ends_with_exit_code_0(bank, command, asked_by):
    process = bank.start(command)
    wait_until(
        lambda: (
            "Posting from" in bank.output_of(command) or "Publishing to" in bank.output_of(command)
        ),
        "it runs",
    )

    process.send_signal(asked_by)

    assert process.wait(20) == 0
    assert "Traceback" not in bank.output_of(command)


def test_rejected_ones_say_why(bank):
    bank.publish(
        encode(withdrawn(1, account="C900")),
        encode(opened()),
        encode(withdrawn(1)),
        encode(submitted(1, currency="USD")),
    )

    bank.start("run_consumer")

    bank.waits_for_entries(4)
    reasons = bank.query("SELECT reason FROM accounts_entry WHERE outcome = 2 ORDER BY reason")
    assert reasons == [("other_currency",), ("overdraft",), ("unknown_account",)]


def test_a_log_shorter_than_the_ledger_stops_the_consumer_with_exit_code_78(bank):
    bank.publish(encode(opened()))
    consumer = bank.start("run_consumer")
    bank.waits_for_entries(1)
    consumer.terminate()
    consumer.wait(20)
    bank.python(
        "from accounts.models import LogPosition; LogPosition.objects.update(next_offset=1000)"
    )

    stopped = bank.start("run_consumer")

    assert stopped.wait(60) == 78
    assert "has to read next (submissions-" in bank.output_of("run_consumer")
    assert bank.entries() == 1


def test_the_bytes_published_are_the_bytes_in_the_outbox(bank):
    bank.publish(encode(opened()))
    bank.start("run_relay")
    bank.submit(("DEPOSIT", 10_000))
    wait_until(
        lambda: bank.value("SELECT count(*) FROM accounts_outbox WHERE published_at_ms > 0"),
        "it is acknowledged",
    )

    key, value = bank.query("SELECT key, value FROM accounts_outbox")[0]

    event = json.loads(value)
    assert (key, event["account"], event["amount_minor"]) == (b"C100", "C100", 10_000)
