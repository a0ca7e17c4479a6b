"""Memory mode from form to ledger, and the walls between it and a real Kafka."""

import pytest

from streaming.endpoint import running_endpoint
from tests.databases import copy_database
from tests.processes import Portal, wait_until
from tests.streaming.test_posting_end_to_end import SUBMIT

KNOW_A_LOG = """
from accounts.ledger.identity import recognise_log
from accounts.ledger.messages import LogIdentity
recognise_log(LogIdentity("a cluster", "submissions", "", 4, is_memory={is_memory}))
"""
OPEN_AN_ACCOUNT = """
from accounts.identifiers import new_transaction_id
from accounts.models import Agent, Branch
from accounts.services.accounts import open_account
branch = Branch.objects.create(code="lyon", name="Lyon")
teller = Agent.objects.create_user("teller", role="teller", branch=branch)
open_account(
    transaction_id=new_transaction_id(), number="C100", holder="Camille Lefèvre",
    opening_balance_minor=0, least_balance_minor=0, by=teller,
)
"""


@pytest.fixture
def bank(empty_database, tmp_path):
    bank = Portal(
        tmp_path, "", KAFKA_TOPIC="submissions", KAFKA_DEAD_LETTER_TOPIC="submissions.dead"
    )
    copy_database(empty_database, tmp_path)
    yield bank
    bank.close()


def test_a_ledger_from_memory_mode_keeps_a_real_kafka_away(bank):
    bank.python(KNOW_A_LOG.format(is_memory=True))

    refusal = bank.manage("run_broker", check=False)

    assert refusal.returncode == 65
    assert "DATA_DIR" in refusal.stderr


def test_a_ledger_from_a_real_kafka_refuses_memory_mode(bank):
    bank.python(KNOW_A_LOG.format(is_memory=False))

    refusal = bank.manage("run_broker", "--memory", check=False)

    assert refusal.returncode == 78
    assert "outbox" in refusal.stderr


def test_a_restart_of_memory_mode_loses_no_submission(bank):
    broker = bank.start("run_broker", "--memory")
    wait_until(lambda: running_endpoint(bank.folder), "the stand-in runs")
    bank.manage("create_topics")
    consumer = bank.start("run_consumer")
    bank.start("run_relay")
    bank.python(OPEN_AN_ACCOUNT)
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")
    consumer.terminate()
    consumer.wait(20)
    bank.python(SUBMIT.format(movements=[("DEPOSIT", 700)]))
    wait_until(
        lambda: bank.value("SELECT count(*) FROM accounts_outbox WHERE published_at_ms > 0") == 2,
        "the deposit is in the memory that goes away",
    )

    broker.terminate()
    broker.wait(20)
    bank.start("run_broker", "--memory")
    wait_until(lambda: running_endpoint(bank.folder), "another stand-in runs")
    bank.manage("create_topics")
    bank.start("run_consumer")

    wait_until(lambda: bank.balance("C100") == 700, "the deposit is posted after all")
    assert bank.value("SELECT count(*) FROM accounts_entry") == 2
