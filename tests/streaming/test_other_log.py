"""Each way in which the log can be another one than the ledger's, and the way on from there."""

import re
import shutil
from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from streaming.endpoint import running_endpoint
from streaming.kafka.admin import describe_log
from streaming.kafka.connection import Connection
from streaming.kafka.topics import create_topic, delete_topic
from tests.builders import opened, submitted
from tests.databases import copy_database
from tests.faults.invariants import check_books
from tests.processes import Portal, wait_until
from tests.streaming.test_broker_away import BankWithBroker, stop
from tests.streaming.test_relay import Bank

# Some start a broker several times.
pytestmark = pytest.mark.timeout(600)


def set_for_topic(bank: Bank, name: str, value: str) -> None:
    connection = Connection(bank.endpoint)
    change = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, bank.topic, incremental_configs=[change])
    connection.ask_each(connection.client.incremental_alter_configs([resource]), bank.topic)


def recreate(bank: Bank, partition_count: int = 3) -> None:
    delete_topic(bank.endpoint, bank.topic)
    wait_until(lambda: not topic_exists(bank), "the topic is gone")
    create_topic(bank.endpoint, bank.topic, partition_count=partition_count)


def topic_exists(bank: Bank) -> bool:
    return bank.topic in Connection(bank.endpoint).cluster.topics


def add_partition(bank: Bank) -> None:
    connection = Connection(bank.endpoint)
    asked = connection.client.create_partitions([NewPartitions(bank.topic, 4)])
    connection.ask_each(asked, bank.topic)


def remove_before(bank: Bank, offsets: dict[int, int]) -> None:
    """Let the log begin at ``offsets``, as retention does."""
    connection = Connection(bank.endpoint)
    asked = [TopicPartition(bank.topic, number, at) for number, at in offsets.items()]
    connection.ask_each(connection.client.delete_records(asked), bank.topic)


def ends(bank: Bank) -> dict[int, int]:
    described = describe_log(bank.endpoint, bank.topic)
    return {each.partition: each.high for each in described.partitions}


def both_stop(bank: Portal, words: str, running: tuple = ()) -> None:
    """Both processes end with 78 and the words, those that run or, without any, new ones."""
    said_before = {name: len(bank.output_of(name)) for name in ("run_consumer", "run_relay")}
    processes = running or (bank.start("run_consumer"), bank.start("run_relay"))
    assert [process.wait(60) for process in processes] == [78, 78]
    for name, before in said_before.items():
        said = bank.output_of(name)[before:]
        assert words in said
        assert "Traceback" not in said


CHANGES: dict[str, tuple[Callable[[Bank], None], str]] = {
    "recreated": (recreate, "adopt_log"),
    "with fewer partitions": (lambda bank: recreate(bank, 2), "partitions 3 is now 2"),
    "with more partitions": (add_partition, "partitions 3 is now 4"),
    "with finite retention": (
        lambda bank: set_for_topic(bank, "retention.ms", "86400000"),
        "retention.ms is 86400000, not -1",
    ),
    "with finite size": (
        lambda bank: set_for_topic(bank, "retention.bytes", "1000000"),
        "retention.bytes is 1000000, not -1",
    ),
    "compacted": (
        lambda bank: set_for_topic(bank, "cleanup.policy", "compact"),
        "cleanup.policy is compact, not delete",
    ),
}


@pytest.fixture
def bank(kafka, portal_on):
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


@pytest.mark.parametrize("change", CHANGES)
def test_a_log_that_changes_stops_both_at_work_and_at_their_start(bank, change):
    """Red without the looks of ``LogGuard``: both go on until they are started again."""
    alter, words = CHANGES[change]
    bank.open_accounts("C100")
    running = bank.start("run_consumer"), bank.start("run_relay")
    bank.submit(("C100", "DEPOSIT", 5, ""))
    wait_until(lambda: bank.balance("C100") == 5, "it is posted")

    alter(bank)

    both_stop(bank, words, running)
    both_stop(bank, words)
    assert bank.balance("C100") == 5


def test_what_retention_removed_unread_is_named_and_adopt_log_goes_on_behind_it(bank):
    """Red where the old positions are taken over: what was lost gets no outcome."""
    bank.open_accounts("C100")
    consumer, relay = bank.start("run_consumer"), bank.start("run_relay")
    bank.submit(("C100", "DEPOSIT", 5, ""))
    wait_until(lambda: bank.balance("C100") == 5, "the first is posted")
    stop(consumer)
    bank.submit(("C100", "DEPOSIT", 70, ""), ("C100", "WITHDRAWAL", 70, ""))
    wait_until(lambda: bank.unpublished() == 0, "the others are acknowledged")
    stop(relay)
    [partition] = [number for number, end in ends(bank).items() if end]

    remove_before(bank, {partition: 4})

    both_stop(bank, f"partition {partition} holds offsets from 4 up to 4, and 2 has to be read")
    refused = bank.manage("adopt_log", "--reason", " ", check=False)
    assert (refused.returncode, "The reason has to be" in refused.stderr) == (78, True)
    adopted = bank.manage("adopt_log", "--reason", "Retention was finite.", "--by", "ops")
    assert f"never read, and gone: partition {partition}, offsets 2 to 3" in adopted.stdout
    assert "published again by the relay, since they have no outcome: 2" in adopted.stdout
    bank.start("run_consumer")
    bank.start("run_relay")
    wait_until(lambda: bank.done() == 3, "what was lost is posted after all")
    assert (bank.balance("C100"), bank.rejected()) == (5, 0)
    status = bank.status()
    assert (status["log"]["number"], status["log"]["adopted_by"]) == (2, "ops")
    assert status["log"]["reason"] == "Retention was finite."
    assert (status["lag"], status["submissions_waiting"]) == (0, 0)


def test_adopt_log_refuses_while_the_relay_runs_and_a_topic_that_forgets(bank):
    bank.open_accounts("C100")
    bank.start("run_consumer")
    relay = bank.start("run_relay")
    wait_until(lambda: "Publishing to" in bank.output_of("run_relay"), "the relay runs")
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")

    beside = bank.manage("adopt_log", "--reason", "A try.", check=False)
    stop(relay)
    set_for_topic(bank, "retention.ms", "86400000")
    forgetful = bank.manage("adopt_log", "--reason", "A try.", check=False)

    assert beside.returncode == forgetful.returncode == 78
    assert f"The relay runs (process {relay.pid}). Stop it" in beside.stderr
    assert "would not keep the record" in forgetful.stderr
    assert bank.value("SELECT count(*) FROM accounts_log") == 1


def test_a_consumer_at_work_goes_on_with_the_log_that_was_adopted(bank):
    """Red where an idle consumer looks at Kafka only: it waits where it was."""
    bank.open_accounts("C100")
    bank.start("run_consumer")
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")

    bank.manage("adopt_log", "--reason", "An exercise.")

    repeats = "SELECT sum(repeats) FROM accounts_logposition WHERE log_id > 1"
    wait_until(lambda: bank.value(repeats) == 1, "it has read the log again")
    bank.open_accounts("C200")
    wait_until(lambda: bank.balance("C200") == 0, "it goes on")
    assert bank.value("SELECT count(*) FROM accounts_entry") == 2


@pytest.fixture
def own_bank(kafka, empty_database, tmp_path):
    copy_database(empty_database, tmp_path)
    # The shared broker has fetched the jars, or skipped the test.
    bank = BankWithBroker(
        tmp_path, "", KAFKA_TOPIC="submissions", KAFKA_DEAD_LETTER_TOPIC="submissions.dead"
    )
    bank.topic = "submissions"
    yield bank
    bank.close()


def done(bank: Portal) -> int:
    return bank.value("SELECT count(*) FROM accounts_outbox WHERE is_done")


def chains_go_on(bank: Portal) -> bool:
    # Not by their numbers: PostgreSQL has used one up where two processes began the first log.
    links = (
        "SELECT partition, {} FROM accounts_logposition "
        "WHERE log_id = (SELECT {}(id) FROM accounts_log) ORDER BY 1"
    )
    before, after = (
        bank.query(links.format(*each)) for each in (("link", "min"), ("first_link", "max"))
    )
    return before == after != []


def test_another_cluster_stops_both_and_can_be_adopted_with_the_chain_linked(own_bank):
    bank = own_bank
    broker = bank.start_broker()
    bank.manage("create_topics")
    bank.publish(opened())
    consumer, relay = bank.start("run_consumer"), bank.start("run_relay")
    bank.submit(("DEPOSIT", 500))
    wait_until(lambda: bank.balance("C100") == 500, "the first is posted")
    stop(consumer)
    bank.submit(("WITHDRAWAL", 400))
    wait_until(
        lambda: bank.value("SELECT count(*) FROM accounts_outbox WHERE published_at_ms > 0") == 2,
        "the second is acknowledged",
    )
    stop(relay)
    stop(broker)
    shutil.rmtree(bank.folder / "kafka")
    bank.start_broker()
    bank.manage("create_topics")

    both_stop(bank, "The ledger was concluded from another log: cluster ")
    assert "adopt_log" in bank.output_of("run_relay")
    bank.manage("adopt_log", "--reason", "The old disk is lost.")
    assert chains_go_on(bank)
    bank.submit(("WITHDRAWAL", 100))
    bank.start("run_consumer")
    bank.start("run_relay")

    # In their order: else the last one would have left too little for the one before.
    wait_until(lambda: done(bank) == 3, "all have an outcome")
    assert bank.balance("C100") == 0
    assert bank.value("SELECT count(*) FROM accounts_entry WHERE outcome = 2") == 0
    assert bank.value("SELECT count(*) FROM accounts_entry") == 4


@pytest.mark.long
@pytest.mark.fault("16b")
@pytest.mark.parametrize("restarts", [0, 1], ids=["same epoch", "newer epoch"])
def test_an_older_copy_that_has_grown_stops_both_and_can_be_adopted(own_bank, restarts):
    """Red without ``refuse_other_messages``: the relay publishes on."""
    bank = own_bank
    broker = bank.start_broker()
    bank.manage("create_topics")
    bank.publish(opened(), submitted(1))
    consumer = bank.start("run_consumer")
    wait_until(lambda: bank.balance("C100") == 1, "the first are posted")
    stop(broker)
    older = bank.folder / "older"
    shutil.copytree(bank.folder / "kafka", older)
    broker = bank.start_broker()
    bank.publish(*[submitted(10) for _ in range(3)])
    wait_until(lambda: bank.balance("C100") == 31, "what the copy lacks is posted")
    stop(consumer)
    stop(broker)
    shutil.rmtree(bank.folder / "kafka")
    older.rename(bank.folder / "kafka")
    for _ in range(restarts):
        stop(bank.start_broker())
    bank.start_broker()
    # With the same epoch cluster, topic and offsets are the ledger's own too; only the messages
    # are not.
    bank.publish(*[submitted(1_000) for _ in range(6)])

    both_stop(bank, "adopt_log")
    assert re.search(r"submissions partition \d: at offset 4, ", bank.output_of("run_consumer"))
    assert bank.balance("C100") == 31
    check_books(bank)
    adopted = bank.manage("adopt_log", "--reason", "Restored from last night.")
    assert "nothing that identifies it" in adopted.stdout
    assert chains_go_on(bank)
    bank.start("run_consumer")

    wait_until(lambda: bank.balance("C100") == 6_031, "what it has grown by is posted")
    assert bank.value("SELECT sum(repeats) FROM accounts_logposition") == 2
    assert bank.value("SELECT count(*) FROM accounts_entry") == 11


def test_what_the_broker_lost_after_acknowledging_is_published_again_and_posted_once(own_bank):
    """Red without ``publish_again_what_got_lost``: the submission gets no outcome."""
    bank = own_bank
    broker = bank.start_broker()
    bank.manage("create_topics")
    bank.publish(opened())
    consumer, relay = bank.start("run_consumer"), bank.start("run_relay")
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")
    wait_until(lambda: "Publishing to" in bank.output_of("run_relay"), "the relay runs")
    stop(consumer)
    stop(relay)
    stop(broker)
    older = bank.folder / "older"
    shutil.copytree(bank.folder / "kafka", older)
    broker = bank.start_broker()
    relay = bank.start("run_relay")
    bank.submit(("DEPOSIT", 300))
    published = "SELECT count(*) FROM accounts_outbox WHERE published_at_ms > 0"
    wait_until(lambda: bank.value(published) == 1, "it is acknowledged")
    stop(relay)
    stop(broker)

    shutil.rmtree(bank.folder / "kafka")
    older.rename(bank.folder / "kafka")
    bank.start_broker()
    bank.publish(submitted(1), submitted(1))
    bank.start("run_consumer")
    wait_until(lambda: bank.balance("C100") == 2, "the partition has moved on past its place")
    # As if a minute had gone by.
    bank.python(
        "from django.db.models import F; from accounts.models import Outbox;"
        "Outbox.objects.update(published_at_ms=F('published_at_ms') - 61_000)"
    )
    bank.start("run_relay")

    wait_until(lambda: done(bank) == 1, "it has an outcome after all")
    assert bank.balance("C100") == 302
    assert bank.value("SELECT attempts FROM accounts_outbox") == 2
    assert running_endpoint(bank.folder)
