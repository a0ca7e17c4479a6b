"""The relay as a real process on a real Kafka: alone, in order, once, and past what is refused."""

import json
import re
import signal

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from accounts.events import encode
from streaming.endpoint import Endpoint
from streaming.kafka.admin import describe_log
from streaming.kafka.connection import Connection
from streaming.kafka.producer import Producer
from tests.builders import opened
from tests.processes import Portal, wait_until

SUBMIT = """
from accounts.identifiers import new_transaction_id
from accounts.models import Account, Agent, Branch, Kind
from accounts.services.submissions import submit_transaction
branch, _ = Branch.objects.get_or_create(code="lyon", name="Lyon")
teller, _ = Agent.objects.get_or_create(
    username="teller", defaults={{"role": "teller", "branch": branch}}
)
for account, kind, amount_minor, reference in {movements}:
    Account.objects.update_or_create(number=account, defaults={{"branch": branch}})
    submit_transaction(
        transaction_id=new_transaction_id(),
        account=account, kind=Kind[kind], amount_minor=amount_minor, reference=reference,
        by=teller,
    )
"""


class Bank(Portal):
    """A portal that submits to many accounts."""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("external", self.environment["KAFKA_BOOTSTRAP_SERVERS"])

    def submit(self, *movements: tuple[str, str, int, str]) -> None:
        self.python(SUBMIT.format(movements=list(movements)))

    def open_accounts(self, *numbers: str) -> None:
        producer = Producer(self.endpoint)
        for number in numbers:
            producer.publish(self.topic, *encode(opened(account=number)), lambda _result: None)
        assert producer.flush(30) == 0

    def set_largest_message(self, size: int) -> None:
        connection = Connection(self.endpoint)
        change = ConfigEntry(
            "max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET
        )
        resource = ConfigResource(ResourceType.TOPIC, self.topic, incremental_configs=[change])
        connection.ask_each(connection.client.incremental_alter_configs([resource]), self.topic)

    def unpublished(self) -> int:
        return self.value("SELECT count(*) FROM accounts_outbox WHERE published_at_ms IS NULL")

    def done(self) -> int:
        return self.value("SELECT count(*) FROM accounts_outbox WHERE is_done")

    def rejected(self) -> int:
        return self.value("SELECT count(*) FROM accounts_entry WHERE outcome = 2")

    def status(self) -> dict:
        return json.loads(self.manage("ledger_status", "--json").stdout)

    def assert_published_once(self, count: int) -> None:
        assert self.value("SELECT max(attempts) FROM accounts_outbox") == 1
        assert describe_log(self.endpoint, self.topic).message_count == count


@pytest.fixture
def bank(kafka, portal_on):
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


def test_a_second_relay_waits_and_takes_over_when_the_first_is_killed(bank):
    """Red without the lease: both publish, and the topic holds what was submitted twice."""
    bank.open_accounts("C100")
    first = bank.start("run_relay")
    wait_until(lambda: "Publishing to" in bank.output_of("run_relay"), "the first publishes")
    bank.start("run_relay")
    waits = f"process {first.pid} publishes since"
    wait_until(lambda: waits in bank.output_of("run_relay"), "the second names the first")
    bank.submit(*[("C100", "DEPOSIT", 1, "")] * 20)
    wait_until(lambda: bank.unpublished() == 0, "all are published")

    first.kill()
    first.wait()
    bank.submit(*[("C100", "DEPOSIT", 1, "")] * 20)

    wait_until(lambda: bank.unpublished() == 0, "the second has taken over")
    bank.assert_published_once(41)
    said = bank.output_of("run_relay")
    assert said.count(waits) == 1
    assert said.count("Publishing to") == 2


def test_a_frozen_relay_publishes_nothing_is_named_and_goes_on_once_let(bank):
    """Red where the lease ends after a time: nobody is named, the second publishes beside it."""
    bank.open_accounts("C100")
    first = bank.start("run_relay")
    wait_until(lambda: "Publishing to" in bank.output_of("run_relay"), "the first publishes")
    bank.freeze(first)
    bank.submit(*[("C100", "DEPOSIT", 1, "")] * 5)
    bank.start("run_relay")

    wait_until(lambda: f"kill -CONT {first.pid}" in bank.output_of("run_relay"), "it is named")
    relay = bank.status()["relay"]
    assert (relay["holder"], relay["is_frozen"]) == (f"process {first.pid}", True)
    assert re.match(r"\d{4}-\d\d-\d\dT", relay["since"])
    assert bank.unpublished() == 5

    first.send_signal(signal.SIGCONT)

    wait_until(lambda: bank.unpublished() == 0, "it goes on")
    bank.assert_published_once(6)


def test_a_message_that_kafka_refuses_keeps_its_account_in_order_and_stops_no_other(bank):
    """Red where the relay starts over with the refused row, or sends on behind it."""
    bank.open_accounts("C100", "C200", "C300")
    bank.set_largest_message(550)
    bank.start("run_consumer")
    bank.submit(
        ("C200", "DEPOSIT", 5, ""),
        ("C100", "DEPOSIT", 700, "é" * 140),
        ("C100", "WITHDRAWAL", 700, ""),
        *[("C300", "DEPOSIT", 1, "")] * 10,
    )

    bank.start("run_relay")

    wait_until(lambda: (bank.balance("C200"), bank.balance("C300")) == (5, 10), "others post")
    wait_until(lambda: bank.status()["outbox"]["refused"], "the refusal is told")
    bank.submit(("C200", "DEPOSIT", 1, ""))
    wait_until(lambda: bank.balance("C200") == 6, "others go on")
    wait_until(lambda: bank.unpublished() == 2, "what was taken is on record")
    outbox = bank.status()["outbox"]
    assert (outbox["unpublished"], outbox["refused"]) == (2, 1)
    assert "max.message.bytes is too low" in outbox["refusal"]
    assert re.search(
        r"refuses outbox row 2 .*MSG_SIZE_TOO_LARGE.*create_topics", bank.output_of("run_relay")
    )
    assert bank.balance("C100") == 0

    bank.manage("create_topics")

    wait_until(lambda: bank.unpublished() == 0, "the refused one is taken after all")
    wait_until(lambda: bank.done() == 14, "all are done")
    assert (bank.balance("C100"), bank.rejected()) == (0, 0)
    assert bank.status()["outbox"]["refused"] == 0
    bank.assert_published_once(3 + 14)


def test_a_batch_above_a_lowered_limit_is_published_in_smaller_ones(bank):
    """Held twice: by batches of the topic's size, and by trying refused rows alone."""
    numbers = [f"C{number}" for number in range(100, 160)]
    bank.open_accounts(*numbers)
    bank.submit(*[(number, "DEPOSIT", 1, "") for number in numbers] * 2)
    bank.set_largest_message(600)

    bank.start("run_relay")

    wait_until(lambda: bank.unpublished() == 0, "all are published")
    bank.assert_published_once(60 + 120)
