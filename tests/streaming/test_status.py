"""The status: its figures, and what it says while Kafka is away."""

import io
import json
import re

import pytest
from django.core.management import call_command

from accounts.models import Agent, Branch, Outbox, Submission
from tests.builders import A_DAY, LedgerInTest, opened, raw, submitted, withdrawn

PROMISED = {
    "transactions",
    "posted",
    "rejected",
    "dead_letters",
    "dead_letters_undecided",
    "repeats",
    "submissions_waiting",
    "accounts",
    "total_balance_minor",
    "lag",
    "kafka",
}
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_kafka(settings, tmp_path) -> None:
    settings.DATA_DIR = tmp_path
    settings.KAFKA_BOOTSTRAP_SERVERS = ""


def status() -> dict:
    out = io.StringIO()
    call_command("ledger_status", "--json", stdout=out)
    return json.loads(out.getvalue())


def submission_of(event) -> Submission:
    branch = Branch.objects.create(code="b", name="B")
    agent = Agent.objects.create(username="teller", branch=branch)
    submission = Submission.objects.create(
        transaction_id=event.transaction_id,
        account=event.account,
        kind_id=2,
        amount_minor=event.amount_minor,
        currency="EUR",
        business_date=A_DAY,
        submitted_at_ms=0,
        submitted_by=agent,
    )
    Outbox.objects.create(topic="submissions", submission=submission, queued_at_ms=0)
    return submission


def test_an_empty_ledger_has_all_promised_figures_at_zero() -> None:
    found = status()

    assert set(found) >= PROMISED
    assert all(found[name] == 0 for name in PROMISED - {"lag", "kafka"})
    assert set(found["kafka"]) >= {"bootstrap_servers", "cluster_id", "mode"}


def test_every_fate_is_counted() -> None:
    repeated = submitted(10_000)
    ledger = LedgerInTest()
    ledger.post(opened(), repeated, repeated, withdrawn(99_999_999))
    ledger.post_messages([raw(b"no JSON", 4)])
    ledger.post(opened(account="C200", opening_balance_minor=500), partition=2)

    found = status()

    assert found["transactions"] == 1
    assert found["posted"] == 3
    assert found["rejected"] == 1
    assert found["dead_letters"] == 1
    assert found["repeats"] == 1
    assert found["accounts"] == 2
    assert found["total_balance_minor"] == 10_500


def test_a_submission_waits_until_it_has_an_outcome() -> None:
    event = submitted(100)
    submission_of(event)
    waiting_before = status()["submissions_waiting"]

    LedgerInTest().post(opened(), event)

    assert waiting_before == 1
    assert status()["submissions_waiting"] == 0


def test_without_kafka_the_lag_is_unknown_and_the_reason_said() -> None:
    found = status()

    assert found["lag"] is None
    assert found["kafka"]["mode"] == "embedded"
    assert "run_broker" in found["kafka"]["problem"]


def test_an_address_where_nothing_answers_is_named(settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"

    found = status()

    assert found["lag"] is None
    assert found["kafka"]["mode"] == "external"
    assert found["kafka"]["bootstrap_servers"] == "127.0.0.1:1"
    assert "No Kafka answers at 127.0.0.1:1" in found["kafka"]["problem"]


def test_people_read_the_same_figures() -> None:
    out = io.StringIO()
    LedgerInTest().post(opened(opening_balance_minor=123_456))

    call_command("ledger_status", stdout=out)

    assert re.search(r"^total balance +1234\.56 EUR$", out.getvalue(), re.MULTILINE)
    assert re.search(r"^lag +unknown$", out.getvalue(), re.MULTILINE)
