"""Filing a new account together with its opening."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections

from accounts.events import AccountOpened, decode
from accounts.identifiers import new_transaction_id
from accounts.models import Account, Outbox, Submission
from accounts.selectors.accounts import is_number_taken
from accounts.services.accounts import NumberTaken, open_account
from accounts.services.submissions import IdAlreadyUsed
from tests.accounts.conftest import build_bank


def open_new(by, **changes):
    asked = {
        "transaction_id": new_transaction_id(),
        "number": "C500",
        "holder": "Aïcha Diallo",
        "opening_balance_minor": 150_000,
        "least_balance_minor": -50_000,
    }
    return open_account(**(asked | changes), by=by)


def test_an_account_is_filed_with_the_event_that_opens_it(bank):
    submission = open_new(bank.teller)

    row = Outbox.objects.get(submission=submission)
    event = decode(bytes(row.key), bytes(row.value))
    account = Account.objects.get(number="C500")
    assert isinstance(event, AccountOpened)
    assert (event.opening_balance_minor, event.least_balance_minor) == (150_000, -50_000)
    assert (account.holder, account.branch) == ("Aïcha Diallo", bank.teller.branch)
    assert not account.is_open


def test_the_ledger_opens_what_was_filed(bank):
    submission = open_new(bank.teller)
    row = Outbox.objects.get(submission=submission)

    bank.ledger.post(decode(bytes(row.key), bytes(row.value)))

    balance = Account.objects.get(number="C500").balance
    assert (balance.balance_minor, balance.least_balance_minor) == (150_000, -50_000)


def test_the_same_form_sent_twice_opens_one_account(bank):
    identifier = new_transaction_id()

    first = open_new(bank.teller, transaction_id=identifier)
    second = open_new(bank.teller, transaction_id=identifier)

    assert first == second
    assert Account.objects.filter(number="C500").count() == 1


@pytest.mark.parametrize("number", ["C100", "c100", "C900"])
def test_a_taken_number_is_refused_in_any_case_and_in_any_branch(bank, number):
    with pytest.raises(NumberTaken):
        open_new(bank.teller, number=number)

    assert not Submission.objects.exists()
    assert Account.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [{"holder": "Someone else"}, {"number": "C501"}, {"least_balance_minor": 0}],
    ids=["holder", "number", "least balance"],
)
def test_a_used_id_with_other_content_is_refused(bank, change):
    first = open_new(bank.teller)

    with pytest.raises(IdAlreadyUsed):
        open_new(bank.teller, transaction_id=first.transaction_id, **change)

    assert Account.objects.count() == 3


@pytest.mark.parametrize("role", ["auditor", "operator", "administrator"])
def test_a_role_that_only_reads_opens_nothing(bank, role):
    with pytest.raises(PermissionDenied):
        open_new(getattr(bank, role))

    assert Account.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_numbers_that_differ_in_case_one_is_filed_also_at_once(monkeypatch):
    """Meant to fail on PostgreSQL where nobody waits: neither sees what the other is filing."""
    bank = build_bank()
    both = threading.Barrier(2)

    def asked_together(number: str) -> bool:
        taken = is_number_taken(number)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return taken

    def opened(number: str) -> str:
        try:
            return open_new(bank.teller, number=number).account
        except NumberTaken:
            return "taken"
        finally:
            connections.close_all()

    monkeypatch.setattr("accounts.services.accounts.is_number_taken", asked_together)
    with ThreadPoolExecutor(2) as hands:
        answers = set(hands.map(opened, ["Abc-1", "aBC-1"]))

    assert "taken" in answers
    assert Account.objects.filter(number__iexact="abc-1").count() == 1
