"""Finding an account by number or holder."""

import pytest

from accounts.models import Account
from tests.accounts.conftest import Bank
from tests.accounts.test_submit_page import plain


@pytest.fixture
def neighbours(bank: Bank) -> None:
    for number, holder in [("C200", "Boulangerie Martin"), ("C217", "Léa Martin"), ("D1", "")]:
        Account.objects.create(number=number, holder=holder, branch=bank.teller.branch)


@pytest.mark.parametrize("words", ["C100", "c100", " C100 ", "lefevre", "CAMILLE", "lefèvre cam"])
def test_the_only_account_that_is_meant_opens_at_once(bank, signed_in, neighbours, words):
    response = signed_in(bank.teller).get("/accounts/", {"account": words})

    assert response.headers["Location"] == "/accounts/C100/"


def test_a_name_of_several_lists_them(bank, signed_in, neighbours):
    page = signed_in(bank.teller).get("/accounts/", {"account": "martin"}).content.decode()

    assert "2 comptes trouvés" in page
    assert "/accounts/C200/" in page
    assert "/accounts/C217/" in page
    assert "/accounts/C100/" not in page


@pytest.mark.parametrize("words", ["C900", "garnier", "C101", "%", "_", "\0", "x" * 5_000])
def test_what_is_not_found_is_said_and_kept(bank, signed_in, neighbours, words):
    response = signed_in(bank.teller).get("/accounts/", {"account": words})

    page = response.content.decode()
    assert response.status_code == 200
    assert "C900" not in page.replace(words, "")
    assert words == "\0" or f'value="{words[:140]}"' in page


def test_an_address_of_no_account_says_so_and_keeps_the_number(bank, signed_in):
    response = signed_in(bank.teller).get("/accounts/ZZ99/")

    page = plain(response)
    assert response.status_code == 404
    assert "<h1>Compte inconnu : ZZ99</h1>" in page
    assert "Recherche parmi les comptes de Lyon Bellecour." in page
    assert 'value="ZZ99" data-shortcut="/"' in page


def test_an_address_in_another_case_leads_to_the_account(bank, signed_in):
    response = signed_in(bank.teller).get("/accounts/c100/")

    assert response.headers["Location"] == "/accounts/C100/"


def test_two_numbers_that_differ_in_case_stay_apart(bank, signed_in):
    Account.objects.create(number="c100", holder="Another", branch=bank.teller.branch)

    page = signed_in(bank.teller).get("/accounts/c100/").content.decode()

    assert "Another" in page


def test_the_accounts_an_agent_used_last_come_first(bank, signed_in, neighbours):
    client = signed_in(bank.teller)
    page = client.get("/accounts/").content.decode()
    assert "Comptes de Lyon Bellecour" in page

    client.post(
        "/transactions/new/",
        {"account": "C217", "kind": "deposit", "amount": "1", "transaction_id": _identifier()},
    )

    page = client.get("/accounts/").content.decode()
    assert "Vos derniers comptes" in page
    assert "/accounts/C217/" in page
    assert "/accounts/C200/" not in page


def test_an_account_without_a_balance_says_that_it_is_being_opened(bank, signed_in, neighbours):
    page = signed_in(bank.teller).get("/accounts/D1/").content.decode()

    assert "en cours d’ouverture" in page


def _identifier() -> str:
    from accounts.identifiers import new_transaction_id

    return str(new_transaction_id())


def test_a_list_that_is_cut_says_so(bank, signed_in):
    for place in range(30):
        number, holder = f"D9{place:02}", f"Durand {place}"
        Account.objects.create(number=number, holder=holder, branch=bank.teller.branch)

    several = signed_in(bank.teller).get("/accounts/", {"account": "durand"}).content.decode()
    fewer = signed_in(bank.teller).get("/accounts/", {"account": "durand 1"}).content.decode()

    assert several.count('href="/accounts/D9') == 25
    assert "Plus de 25 comptes trouvés" in several
    assert "Les 25 premiers par numéro." in several
    assert "12 comptes trouvés" in fewer
    assert "premiers par numéro" not in fewer
