"""Filing what an agent asks: once per id, with its bytes, or not at all."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, connections
from django.db.transaction import atomic
from django.utils import timezone

from accounts.events import Deposit, decode
from accounts.identifiers import new_transaction_id
from accounts.models import Act, Agent, Kind, Outbox, Submission
from accounts.selectors.accounts import NoSuchAccount
from accounts.services.audit import Deed, about_agent, record
from accounts.services.submissions import IdAlreadyUsed, submit_transaction
from tests.accounts.conftest import build_bank
from tests.builders import submitted
from tests.databases import only_on
from tests.processes import wait_until


def submit(by, **changes):
    asked = {
        "transaction_id": new_transaction_id(),
        "account": "C100",
        "kind": Kind.DEPOSIT,
        "amount_minor": 10_000,
        "reference": "Espèces",
    }
    return submit_transaction(**(asked | changes), by=by)


@contextmanager
def locked_database():
    """Hold the write lock from another connection, with little patience on ours."""
    name = connection.settings_dict["NAME"]
    with closing(sqlite3.connect(name, isolation_level=None)) as other:
        connection.cursor().execute("PRAGMA busy_timeout=50")
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def test_a_submission_goes_with_the_bytes_that_will_be_published(bank):
    submission = submit(bank.teller)

    row = Outbox.objects.get(submission=submission)
    event = decode(bytes(row.key), bytes(row.value))
    assert row.topic == settings.KAFKA_TOPIC
    assert isinstance(event, Deposit)
    assert event.transaction_id == submission.transaction_id
    assert (event.account, event.amount_minor, event.reference) == ("C100", 10_000, "Espèces")
    assert (event.submitted_by, event.source) == ("teller", "portal")
    assert event.business_date == timezone.localdate()
    assert event.submitted_at == submission.submitted_at


def test_submitting_writes_no_balance(bank):
    submit(bank.teller)

    assert bank.account_now().balance.balance_minor == 83_000


def test_the_same_form_sent_twice_is_one_submission(bank):
    identifier = new_transaction_id()

    first = submit(bank.teller, transaction_id=identifier)
    second = submit(bank.teller, transaction_id=identifier)

    assert first == second
    assert Submission.objects.count() == Outbox.objects.count() == 1


def test_a_form_sent_again_after_posting_is_still_the_same_submission(bank):
    first = submit(bank.teller)
    bank.ledger.post(decode(*_bytes(first)))

    again = submit(bank.teller, transaction_id=first.transaction_id)

    assert again == first
    assert Outbox.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [{"amount_minor": 10_001}, {"kind": Kind.WITHDRAWAL}, {"reference": "other"}],
    ids=["amount", "kind", "reference"],
)
def test_a_used_id_with_other_content_is_refused(bank, change):
    first = submit(bank.teller)

    with pytest.raises(IdAlreadyUsed):
        submit(bank.teller, transaction_id=first.transaction_id, **change)

    assert Submission.objects.get().amount_minor == 10_000


def test_a_used_id_of_a_colleague_is_refused(bank):
    first = submit(bank.teller)

    with pytest.raises(IdAlreadyUsed):
        submit(bank.supervisor, transaction_id=first.transaction_id)


def test_an_id_that_the_ledger_has_from_elsewhere_is_refused(bank):
    event = submitted(source="another system")
    bank.ledger.post(event)

    with pytest.raises(IdAlreadyUsed):
        submit(bank.teller, transaction_id=event.transaction_id)

    assert not Submission.objects.exists()


@pytest.mark.parametrize("role", ["auditor", "operator", "administrator"])
def test_a_role_that_only_reads_submits_nothing(bank, role):
    with pytest.raises(PermissionDenied):
        submit(getattr(bank, role))

    assert not Submission.objects.exists()


def test_a_disabled_agent_submits_nothing(bank):
    bank.teller.is_active = False

    with pytest.raises(PermissionDenied):
        submit(bank.teller)


@pytest.mark.parametrize("what", ["is_active", "role", "branch"])
def test_who_lost_the_right_while_the_request_waited_submits_nothing(bank, what):
    """Meant to fail where the agent is taken as read: it may have waited for others who write."""
    changed = {"is_active": False, "role": "operator", "branch": bank.stranger.branch}
    Agent.objects.filter(pk=bank.teller.pk).update(**{what: changed[what]})

    with pytest.raises(PermissionDenied):
        submit(bank.teller)

    assert not Submission.objects.exists()


@pytest.mark.django_db(transaction=True)
@only_on("postgresql", "SQLite has one writer at a time")
def test_a_right_that_is_being_taken_away_is_waited_for(transactional_db):
    """Meant to fail where it is only looked at: what is submitted would wait for the audit log."""
    bank = build_bank()

    def submitted_elsewhere():
        try:
            submit(bank.teller)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        with atomic():
            Agent.objects.filter(pk=bank.teller.pk).update(is_active=False)
            deed = Deed(act=Act.AGENT_CHANGED, about=about_agent(bank.teller))
            record(deed, by=bank.administrator)
            asked = elsewhere.submit(submitted_elsewhere)
            wait_until(somebody_waits, "the submission to wait")
        with pytest.raises(PermissionDenied):
            asked.result(30)

    assert not Submission.objects.exists()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


@pytest.mark.parametrize("number", ["C900", "C999", ""])
def test_an_account_beyond_the_branch_is_no_account(bank, number):
    with pytest.raises(NoSuchAccount):
        submit(bank.teller, account=number)


def test_a_withdrawal_below_the_least_balance_is_for_the_ledger_to_reject(bank):
    submission = submit(bank.teller, kind=Kind.WITHDRAWAL, amount_minor=999_999)

    assert submission.pk


@pytest.mark.django_db(transaction=True)
@only_on("sqlite", "PostgreSQL has no lock on all of it")
def test_a_locked_database_is_said_to_be_one_and_nothing_is_written(transactional_db):
    bank = build_bank()

    with locked_database(), pytest.raises(OperationalError, match="locked"):
        submit(bank.teller)

    assert not Submission.objects.exists()
    connection.close()


@pytest.mark.fault("9")
@pytest.mark.django_db(transaction=True)
def test_fifty_agents_fingers_on_one_form_make_one_submission(transactional_db):
    bank = build_bank()
    identifier = uuid4()
    together = threading.Barrier(10)

    def send(turn: int) -> UUID:
        try:
            if turn < 10:
                together.wait(timeout=30)
            return submit(bank.teller, transaction_id=identifier).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=10) as threads:
        answers = set(threads.map(send, range(50)))

    assert len(answers) == 1
    assert Submission.objects.count() == Outbox.objects.count() == 1


def _bytes(submission: Submission) -> tuple[bytes, bytes]:
    row = Outbox.objects.get(submission=submission)
    return bytes(row.key), bytes(row.value)
