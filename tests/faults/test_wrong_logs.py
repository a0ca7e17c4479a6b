"""Logs that are not the ledger's, or would not stay what they are."""

import pytest

from streaming.kafka.admin import create_topic
from tests.builders import submitted
from tests.faults.bank import Bank, stop
from tests.faults.invariants import check_all
from tests.processes import wait_until

_CLUSTER = "UPDATE accounts_log SET cluster_id = ?"


@pytest.mark.fault("24")
def test_another_cluster_stops_the_consumer_which_goes_on_with_its_own(bank: Bank) -> None:
    """Guard: the log has an identity. Without it the consumer posts from the other one."""
    bank.open_accounts()
    consumer = bank.consume()
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")
    stop(consumer)
    own = bank.value("SELECT cluster_id FROM accounts_log")
    bank.execute(_CLUSTER, ["elsewhere"])
    bank.publish(submitted(100))

    stopped = bank.consume()

    assert stopped.wait(30) == 78
    assert "another log" in bank.output_of("run_consumer")
    assert "Traceback" not in bank.output_of("run_consumer")
    assert bank.entries() == 1
    bank.execute(_CLUSTER, [own])
    bank.consume()
    bank.settles()
    assert bank.balance("C100") == 100
    check_all(bank)


@pytest.mark.fault("22")
def test_a_topic_that_forgets_is_refused_with_the_remedy(new_bank, kafka) -> None:
    """Guard: the topic's settings are looked at. Without it the consumer posts from it."""
    bank = new_bank()
    settings = {"retention.ms": "86400000", "message.timestamp.type": "LogAppendTime"}
    create_topic(kafka, bank.topic, partition_count=3, topic_settings=settings)
    create_topic(kafka, f"{bank.topic}.dead", partition_count=3)
    bank.open_doors()
    bank.open_accounts()

    stopped = bank.consume()

    assert stopped.wait(60) == 78
    assert "retention.ms is 86400000, not -1" in bank.output_of("run_consumer")
    assert bank.value("SELECT count(*) FROM accounts_entry") == 0
    # What the message names as the remedy.
    assert "create_topics" in bank.output_of("run_consumer")
    bank.manage("create_topics")
    bank.consume()
    bank.settles()
    assert bank.balance("C100") == 0
    check_all(bank)
