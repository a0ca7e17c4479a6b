"""Results as one types: accounts by number or holder, transactions by reference."""

import pytest

from accounts.identifiers import new_transaction_id
from accounts.models import Account, Kind
from accounts.selectors.accounts import accounts_suggested
from accounts.services.submissions import submit_transaction
from tests.accounts.test_submit_page import plain


@pytest.fixture
def neighbours(bank) -> None:
    for number, holder in [
        *(("C200", "Boulangerie Martin"), ("C217", "Léa Martin"), ("D1", "")),
        ("M1", "Étienne Amartin"),
    ]:
        Account.objects.create(number=number, holder=holder, branch=bank.teller.branch)


@pytest.fixture
def referenced(bank):
    """Submit deposits with references, by the teller or by another branch's."""

    def submit(*references: str, account: str = "C100", by=None) -> None:
        for reference in references:
            submit_transaction(
                transaction_id=new_transaction_id(),
                account=account,
                kind=Kind.DEPOSIT,
                amount_minor=1_250,
                reference=reference,
                by=by or bank.teller,
            )

    return submit


def names(client, words: str) -> list[str]:
    answer = client.get("/accounts/search/", {"account": words}).json()
    return [each["name"] for each in answer["results"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("c2", ["C200", "C217"]),
        ("C100", ["C100"]),
        ("LEFEVRE", ["C100"]),
        ("lefèv", ["C100"]),
        ("etienne", ["M1"]),
        ("martin", ["C200", "C217", "M1"]),
        ("m", ["M1", "C200", "C217", "C100"]),
        ("lea mar", ["C217"]),
        ("garnier", []),
        ("C900", []),
        ("%", []),
        ("", []),
        ("\0", []),
        ("C10\0", ["C100"]),
    ],
)
def test_the_likeliest_account_comes_first(bank, signed_in, neighbours, words, expected):
    assert names(signed_in(bank.teller), words) == expected


def test_a_result_says_what_it_is_and_where_it_leads(bank, signed_in):
    answer = signed_in(bank.teller).get("/accounts/search/?account=camille").json()

    assert answer == {
        "results": [
            {
                "address": "/accounts/C100/",
                "name": "C100",
                "note": "Camille Lefèvre",
                "figure": "830,00",
            }
        ],
        "said": "1 résultat",
    }


def test_at_most_eight_accounts_are_suggested(bank, signed_in):
    for place in range(30):
        Account.objects.create(number=f"D{place}", holder="Durand", branch=bank.teller.branch)

    assert len(names(signed_in(bank.teller), "durand")) == 8


@pytest.mark.parametrize("words", ["Facture eau 2026-10", "facture", "FACTURE", "Fac"])
def test_a_transaction_is_found_by_the_beginning_of_its_reference(
    bank, signed_in, referenced, words
):
    referenced("Facture eau 2026-10", "Loyer")

    [found] = signed_in(bank.teller).get("/accounts/search/", {"account": words}).json()["results"]

    assert found["name"] == "Facture eau 2026-10"
    assert found["note"] == "Dépôt de 12,50\u00a0€ · C100 Camille Lefèvre"
    assert found["address"].startswith("/transactions/")


@pytest.mark.parametrize("reference", ["LOYER MARS", "loyer mars", "Loyer mars", "lOYER mars"])
def test_a_reference_is_found_in_the_cases_that_people_write(
    bank, signed_in, referenced, reference
):
    referenced(reference)
    client = signed_in(bank.teller)

    found = [bool(names(client, words)) for words in ("loyer", "LOYER", "Loyer", "lOYER")]

    is_odd = reference.startswith("lO")
    assert found == [not is_odd] * 3 + [True]


@pytest.mark.parametrize("words", ["Fa", "eau", "%acture", "_acture", "Facture fau"])
def test_what_a_reference_does_not_begin_with_does_not_find_it(bank, signed_in, referenced, words):
    referenced("Facture eau 2026-10")

    assert names(signed_in(bank.teller), words) == []


def test_references_of_another_branch_are_not_found(bank, signed_in, referenced):
    referenced("Facture eau", account="C900", by=bank.stranger)

    assert names(signed_in(bank.teller), "Facture") == []
    assert names(signed_in(bank.auditor), "Facture") == ["Facture eau"]
    assert names(signed_in(bank.stranger), "Facture") == ["Facture eau"]


def test_few_references_are_suggested_and_the_page_has_more(bank, signed_in, referenced):
    referenced(*(f"Facture {n:02}" for n in range(9)))
    client = signed_in(bank.teller)

    page = plain(client.get("/accounts/?account=facture"))

    assert names(client, "facture") == [f"Facture {n:02}" for n in range(4)]
    assert "9 opérations par leur référence" in page
    assert "Facture 08" in page
    assert "Aucun compte" not in page


def test_an_account_that_is_meant_still_opens_at_once(bank, signed_in, referenced):
    referenced("C100 avance")

    response = signed_in(bank.teller).get("/accounts/?account=C100")

    assert response.headers["Location"] == "/accounts/C100/"


def test_what_nothing_matches_is_said(bank, signed_in):
    answer = signed_in(bank.teller).get("/accounts/search/?account=zzzz").json()
    page = plain(signed_in(bank.teller).get("/accounts/?account=zzzz"))

    assert answer == {"results": [], "said": "Aucun résultat"}
    assert "Aucun compte, titulaire ni référence ne correspond à" in page


def test_an_operator_searches_no_customers(bank, signed_in):
    assert signed_in(bank.operator).get("/accounts/search/?account=C1").status_code == 403


def test_a_search_asks_the_database_a_few_times_however_much_there_is(
    bank, neighbours, django_assert_max_num_queries
):
    Account.objects.bulk_create(
        Account(number=f"N{n}", holder=f"Léa Noël {n}", branch=bank.teller.branch)
        for n in range(500)
    )

    with django_assert_max_num_queries(2):
        assert len(accounts_suggested(bank.teller, "noel", at_most=8)) == 8


def test_no_account_takes_the_address_of_the_search(bank, signed_in):
    response = signed_in(bank.teller).post(
        "/accounts/new/",
        {"number": "Search", "holder": "A", "transaction_id": str(new_transaction_id())},
    )

    assert "est réservé" in plain(response)
