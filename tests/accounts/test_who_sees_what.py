"""Every page of the bank, for every role: what opens, what is refused, what does not exist."""

import re

import pytest
from django.test import Client

from accounts.identifiers import new_transaction_id
from accounts.models import Agent, Entry, Kind
from accounts.services.submissions import submit_transaction

OWN = ("/accounts/C100/", "/transactions/{own}/", "/transactions/{own}/status/")
FOREIGN = ("/accounts/C900/", "/transactions/{foreign}/", "/transactions/{foreign}/status/")
LISTS = ("/accounts/", "/transactions/", "/transactions/export.csv")
FORMS = ("/accounts/new/", "/transactions/new/")
UNKNOWN = "01980000-0000-7000-8000-000000000000"


@pytest.fixture
def pages(bank):
    """The addresses above with a transaction of each branch."""
    own = Entry.objects.filter(account_id="C100", kind=Kind.DEPOSIT).get()
    foreign = Entry.objects.filter(account_id="C900", kind=Kind.DEPOSIT).get()
    names = {"own": own.transaction_id, "foreign": foreign.transaction_id}
    return lambda addresses: [each.format(**names) for each in addresses]


def statuses(client, addresses):
    return {each: client.get(each).status_code for each in addresses}


def all_of(addresses, status):
    return dict.fromkeys(addresses, status)


def test_a_stranger_to_the_bank_is_asked_to_sign_in(pages):
    for address in ["/", *pages(OWN + FOREIGN + LISTS + FORMS)]:
        response = Client().get(address)

        assert response.status_code == 302, address
        assert response.headers["Location"].startswith("/auth/login/"), address


@pytest.mark.parametrize("role", ["teller", "supervisor"])
def test_an_agent_of_a_branch_sees_the_branch_and_nothing_else(bank, signed_in, pages, role):
    client = signed_in(getattr(bank, role))

    own, foreign = pages(OWN + LISTS + FORMS), pages(FOREIGN)

    assert statuses(client, own) == all_of(own, 200)
    assert statuses(client, foreign) == all_of(foreign, 404)


@pytest.mark.parametrize("role", ["auditor", "administrator"])
def test_who_watches_the_bank_sees_all_of_it_and_submits_nothing(bank, signed_in, pages, role):
    client = signed_in(getattr(bank, role))

    seen, forms = pages(OWN + FOREIGN + LISTS), pages(FORMS)

    assert statuses(client, seen) == all_of(seen, 200)
    assert statuses(client, forms) == all_of(forms, 403)


def test_an_operator_sees_no_customer(bank, signed_in, pages):
    client = signed_in(bank.operator)

    addresses = pages(OWN + FOREIGN + LISTS + FORMS)

    assert statuses(client, addresses) == all_of(addresses, 403)


def test_a_submission_of_another_branch_does_not_exist_here(bank, signed_in):
    foreign = submit_transaction(
        transaction_id=new_transaction_id(),
        account="C900",
        kind=Kind.DEPOSIT,
        amount_minor=100,
        by=bank.stranger,
    )

    response = signed_in(bank.teller).get(f"/transactions/{foreign.transaction_id}/")

    assert response.status_code == 404


@pytest.mark.parametrize("address", [f"/transactions/{UNKNOWN}/", "/nowhere/"])
def test_what_is_not_there_says_so_in_the_portals_look(bank, signed_in, address):
    response = signed_in(bank.teller).get(address)

    assert response.status_code == 404
    assert "Il n’y a rien ici" in response.content.decode()
    assert "Comptes" in response.content.decode()


@pytest.mark.parametrize(
    "address", ["/auth/signup/", "/auth/password/reset/", "/auth/email/", "/auth/password/change/"]
)
def test_a_door_that_a_bank_does_not_have_is_not_there(client, db, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_page_carries_inline_style_or_script(bank, signed_in, pages, language):
    client = signed_in(bank.teller, language)
    addresses = pages(OWN[:2] + LISTS[:2] + FORMS)

    for address in [*addresses, "/auth/logout/", "/nowhere/"]:
        text = client.get(address).content.decode()

        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text), address
        # What holds data runs nothing.
        assert not re.search(r'<script(?![^>]*\b(src=|type="application/json"))', text), address


def test_no_page_of_a_customer_may_be_stored(bank, signed_in, pages):
    client = signed_in(bank.teller)

    for address in pages(OWN + LISTS + FORMS):
        assert client.get(address).headers["Cache-Control"] == "no-store", address


def test_the_first_page_depends_on_the_role(bank, signed_in):
    first = {
        role: signed_in(getattr(bank, role)).get("/").headers["Location"]
        for role in ("teller", "supervisor", "auditor", "operator", "administrator")
    }

    assert first.pop("teller") == "/accounts/"
    assert set(first.values()) == {"/dashboard/"}


@pytest.mark.parametrize("is_permitted", [True, False])
def test_an_operator_is_told_what_an_operator_does_and_led_there(
    bank, signed_in, monkeypatch, is_permitted
):
    monkeypatch.setattr(Agent, "sees_admin", property(lambda _agent: is_permitted))

    page = signed_in(bank.operator).get("/dashboard/").content.decode()

    assert "s’occupent de Kafka, des processus et des lettres mortes" in page
    assert "<code>ledger_status</code>" in page
    assert 'href="/health/ready"' in page
    assert ('href="/admin/accounts/deadletter/"' in page) == is_permitted
