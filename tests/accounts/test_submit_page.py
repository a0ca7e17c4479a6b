"""The form of a transaction: what it refuses, what it keeps, where it leads."""

import re
from datetime import date
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from django.db import connection
from django.urls import reverse
from django.utils.html import escape

from accounts.identifiers import derived_transaction_id, new_transaction_id
from accounts.models import Submission
from tests.accounts.amounts import REFUSED
from tests.accounts.conftest import build_bank
from tests.accounts.test_submit_transaction import locked_database
from tests.databases import only_on


def form(**changes):
    return {
        "transaction_id": str(new_transaction_id()),
        "account": "C100",
        "kind": "deposit",
        "amount": "100,00",
        "reference": "Espèces guichet",
    } | changes


def plain(response) -> str:
    """The page's text as a reader sees its spaces."""
    return re.sub(r"\s+", " ", response.content.decode())


def test_the_form_leads_to_its_receipt(bank, signed_in):
    sent = form()

    response = signed_in(bank.teller).post("/transactions/new/", sent)

    assert response.headers["Location"] == f"/transactions/{sent['transaction_id']}/"
    assert Submission.objects.get().amount_minor == 10_000


def test_the_account_pages_form_leads_back_to_the_account_with_the_receipt(bank, signed_in):
    client = signed_in(bank.teller)
    sent = form(page="account")

    response = client.post("/transactions/new/", sent)

    assert response.headers["Location"] == f"/accounts/C100/?receipt={sent['transaction_id']}"
    page = plain(client.get(response.headers["Location"]))
    assert "Dépôt de 100,00 €" in page
    assert "En file, pas encore comptabilisée" in page
    assert "930,00" in page


def test_the_form_carries_an_id_of_its_own_each_time_it_is_rendered(bank, signed_in):
    client = signed_in(bank.teller)

    ids = {_identifier_in(client.get("/accounts/C100/")) for _ in range(3)}

    assert len(ids) == 3


@pytest.mark.parametrize("typed", [each for each in REFUSED if each.strip()])
def test_a_refused_amount_is_kept_beside_its_rule_and_the_available_balance(bank, signed_in, typed):
    sent = form(amount=typed, page="account")

    response = signed_in(bank.teller).post("/transactions/new/", sent)

    page = plain(response)
    assert response.status_code == 422
    assert f'value="{typed}"'.replace("'", "&#x27;") in page
    assert 'value="Espèces guichet"' in page
    assert "Disponible : 1 330,00" in page
    assert 'href="#id_amount"' in page
    assert _identifier_in(response) == sent["transaction_id"]
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("page", "address"),
    [("account", "/accounts/C100/"), ("", "/transactions/new/?account=C100")],
)
def test_another_language_keeps_the_account_of_a_refused_form(bank, signed_in, page, address):
    """Red where it leads to the form's own address, which knows of no account."""
    agent = signed_in(bank.teller)

    refused = agent.post("/transactions/new/", form(amount="-5", page=page))
    sent = {"language": "en", "next": re.search(r'name="next" value="([^"]*)"', plain(refused))[1]}

    assert agent.post(reverse("set_language"), sent).headers["Location"] == address


def test_another_language_keeps_what_an_address_fills_in(bank, signed_in):
    address = "/transactions/new/?account=C100&kind=deposit&amount=5"

    shown = plain(signed_in(bank.teller).get(address))

    assert f'name="next" value="{escape(address)}"' in shown


def test_the_summary_names_each_field_that_is_wrong(bank, signed_in):
    response = signed_in(bank.teller).post("/transactions/new/", form(kind="", amount=""))

    page = plain(response)
    assert "Choisissez dépôt ou retrait." in page
    assert "Saisissez un montant." in page
    assert page.count('class="errors"') == 1


@pytest.mark.parametrize("number", ["C900", "C404", "c9oo"])
def test_an_unknown_account_is_said_and_its_number_kept(bank, signed_in, number):
    response = signed_in(bank.teller).post("/transactions/new/", form(account=number))

    page = plain(response)
    assert response.status_code == 422
    assert "Aucun compte de ce numéro dans votre agence." in page
    assert f'value="{number}"' in page
    assert not Submission.objects.exists()


def test_without_a_script_the_server_says_what_it_understood(bank, signed_in):
    sent = form(kind="withdrawal", amount="250", reference="x" * 141, page="account")

    page = plain(signed_in(bank.teller).post("/transactions/new/", sent))

    assert "Compris : 250,00 €" in page
    assert '<span class="foreseen" data-foreseen>580,00</span>' in page
    assert "resteront disponibles 1 080,00" in page


def test_a_withdrawal_that_goes_too_far_is_warned_of_and_sent(bank, signed_in):
    client = signed_in(bank.teller)
    sent = form(kind="withdrawal", amount="2000", page="account")

    page = plain(client.post("/transactions/new/", sent | {"reference": "x" * 141}))
    response = client.post("/transactions/new/", sent)

    assert "Passerait sous le solde minimal de −500,00. Au plus 1 330,00." in page
    assert response.status_code == 302


def test_a_used_id_with_another_amount_is_refused_and_changes_nothing(bank, signed_in):
    client = signed_in(bank.teller)
    sent = form()
    client.post("/transactions/new/", sent)

    response = client.post("/transactions/new/", sent | {"amount": "999,00"})

    assert response.status_code == 409
    page = response.content.decode()
    assert "ce formulaire a déjà servi" in page
    assert f'href="/transactions/{sent["transaction_id"]}/">Le reçu précédent' in page
    assert 'href="/accounts/C100/">Vers le compte C100' in page
    assert 'name="next" value="/accounts/C100/"' in page
    assert Submission.objects.get().amount_minor == 10_000


def test_a_used_id_of_another_branch_leads_only_to_ones_own_account(bank, signed_in):
    sent = form()
    signed_in(bank.teller).post("/transactions/new/", sent)

    response = signed_in(bank.stranger).post("/transactions/new/", sent | {"account": "C900"})

    page = response.content.decode()
    assert response.status_code == 409
    assert 'href="/accounts/C900/">Vers le compte C900' in page
    assert f'href="/transactions/{sent["transaction_id"]}/' not in page


def test_an_opening_with_a_used_id_leads_to_the_earlier_receipt(bank, signed_in):
    client = signed_in(bank.teller)
    sent = form()
    client.post("/transactions/new/", sent)

    response = client.post("/accounts/new/", sent | {"number": "C500", "holder": "Aïcha Diallo"})

    assert response.status_code == 409
    assert f'href="/transactions/{sent["transaction_id"]}/' in response.content.decode()


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("", "Le formulaire est arrivé sans son numéro."),
        ("not an id", "Le formulaire est arrivé avec un numéro abîmé."),
        ("0192f0c1", "Le formulaire est arrivé avec un numéro abîmé."),
        (str(UUID(int=0)), "Le formulaire est arrivé avec un numéro abîmé."),
        # What another system may derive for a transaction of its own.
        (str(uuid5(NAMESPACE_URL, "a")), "Le formulaire est arrivé avec un numéro abîmé."),
    ],
)
@pytest.mark.parametrize("address", ["/transactions/new/", "/accounts/new/"])
def test_a_form_without_its_id_gets_one_says_so_and_is_not_sent(
    bank, signed_in, address, identifier, words
):
    sent = form(transaction_id=identifier, page="account", number="C500", holder="Aïcha Diallo")

    response = signed_in(bank.teller).post(address, sent)

    said = re.search(r'class="errors".*?<ul>(.*?)</ul>', plain(response))[1]
    assert response.status_code == 422
    assert words in said
    assert UUID(_identifier_in(response)).int
    assert not Submission.objects.exists()


def test_a_role_that_only_reads_is_refused(bank, signed_in):
    response = signed_in(bank.auditor).post("/transactions/new/", form())

    assert response.status_code == 403
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [{"account": "C\0100"}, {"reference": "a\0b"}, {"kind": "account_opened"}, {"amount": "1\0"}],
)
def test_a_forged_field_is_an_error_and_no_crash(bank, signed_in, changes):
    response = signed_in(bank.teller).post("/transactions/new/", form(**changes))

    assert response.status_code == 422
    assert not Submission.objects.exists()


@pytest.mark.django_db(transaction=True)
@only_on("sqlite", "PostgreSQL has no lock on all of it")
@pytest.mark.parametrize("address", ["/transactions/new/", "/accounts/new/"])
def test_a_locked_database_asks_to_try_again_and_keeps_what_was_typed(
    transactional_db, signed_in, address
):
    client = signed_in(build_bank().teller)
    sent = form(number="C500", holder="Aïcha Diallo", opening_balance="10", page="account")

    with locked_database():
        response = client.post(address, sent)
    connection.close()

    kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', plain(response)))
    assert response.status_code == 503
    assert {name: kept[name] for name in sent} == sent
    assert client.post(address, kept).status_code == 302
    assert Submission.objects.count() == 1


def test_opening_an_account_leads_to_it_while_it_is_being_opened(bank, signed_in):
    client = signed_in(bank.teller)
    sent = form(number="C500", holder="Aïcha Diallo", opening_balance="1 500", overdraft="−500")

    response = client.post("/accounts/new/", sent)

    page = plain(client.get(response.headers["Location"]))
    assert "Aïcha Diallo" in page
    assert "Ouverture avec 1 500,00 €" in page
    assert "en cours d’ouverture" in page
    assert Submission.objects.get().least_balance_minor == -50_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": "C100"}, "Un compte de ce numéro existe déjà."),
        ({"number": "C 1"}, "Employez des lettres et des chiffres"),
        ({"number": "New"}, "« New » est réservé : c’est l’adresse d’une page."),
        ({"number": "C/1"}, "Employez des lettres et des chiffres"),
        ({"number": ""}, "Saisissez le numéro du compte."),
        ({"holder": " "}, "Saisissez le nom du titulaire."),
        ({"opening_balance": "1.234"}, "Deux montants possibles."),
        ({"opening_balance": "-5"}, "Saisissez le montant sans signe."),
        ({"overdraft": "abc"}, "Écrivez un montant comme"),
    ],
)
def test_a_new_account_is_refused_beside_the_field(bank, signed_in, changes, message):
    sent = form(number="C500", holder="Aïcha Diallo") | changes

    response = signed_in(bank.teller).post("/accounts/new/", sent)

    assert response.status_code == 422
    assert message in plain(response)
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ["500,00 donne un solde minimal de −500,00", "Solde d’ouverture, en euros"]),
        ("en", ["500.00 makes −500.00 the least balance", "Opening balance, in euros"]),
    ],
)
def test_the_opening_form_gives_its_example_in_the_language_of_the_page(
    bank, signed_in, language, words
):
    page = plain(signed_in(bank.teller, language).get("/accounts/new/"))

    assert [each in page for each in words] == [True, True]


def test_the_currency_is_named_where_it_has_a_name(bank, signed_in, settings):
    client = signed_in(bank.teller)
    euros = plain(client.get("/accounts/C100/"))
    settings.CURRENCY = "CHF"

    francs = plain(client.get("/accounts/C100/"))

    assert "Montants en euros" in euros
    assert "Montants en CHF" in francs


def test_what_may_be_left_out_agrees_with_its_name(bank, signed_in):
    client = signed_in(bank.teller)

    assert '>Référence <span class="quiet">facultative<' in plain(client.get("/accounts/C100/"))
    assert '>Découvert autorisé, en euros <span class="quiet">facultatif<' in plain(
        client.get("/accounts/new/")
    )


def _identifier_in(response) -> str:
    found = re.search(r'name="transaction_id" value="([^"]+)"', response.content.decode())
    assert found
    return found[1]


def test_a_form_cannot_take_the_id_of_a_row_of_history(bank, signed_in):
    of_a_row = str(derived_transaction_id(date(2024, 1, 1), "a row that will be imported"))

    response = signed_in(bank.teller).post("/transactions/new/", form(transaction_id=of_a_row))

    assert response.status_code == 422
    assert not Submission.objects.exists()
    assert _identifier_in(response) != of_a_row
