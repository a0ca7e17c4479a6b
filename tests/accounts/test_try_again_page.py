"""What agents get while the database cannot serve: a page that is made without it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.db.transaction import atomic, set_rollback
from django.test import AsyncClient, Client

from accounts.models import Submission
from tests.accounts.conftest import PASSWORD, build_bank
from tests.accounts.test_submit_page import form, plain
from tests.databases import only_on

AWAY = "database is locked" if connection.vendor == "sqlite" else "connection failed: refused"


@contextmanager
def database_away(says: str = AWAY) -> Iterator[None]:
    """Let each query fail, whoever asks it."""

    def fail(*_query: object) -> None:
        raise OperationalError(says)

    # For all threads, those of a server too.
    with mock.patch.object(CursorWrapper, "execute", fail):
        yield


@pytest.fixture
def browser_of(signed_in):
    """Give a browser that is answered as a visitor is, where a test would see the error."""

    def sign_in(*words) -> Client:
        client = signed_in(*words)
        client.raise_request_exception = False
        return client

    return sign_in


def kept_by(page: str) -> dict[str, str]:
    again = re.search(r'<form class="panel".*?</form>', page, re.DOTALL)
    assert again, page
    kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', again[0]))
    assert kept.pop("csrfmiddlewaretoken")
    return kept


@pytest.mark.parametrize(
    "address", ["/accounts/", "/accounts/C100/", "/transactions/", "/dashboard/", "/admin/"]
)
@pytest.mark.parametrize(
    ("language", "words"), [("fr", "Veuillez réessayer"), ("en", "Please try again")]
)
def test_a_page_asks_to_try_again(bank, browser_of, address, language, words):
    client = browser_of(bank.supervisor, language)

    with database_away():
        response = client.get(address)

    page = plain(response)
    assert response.status_code == 503
    assert f"<h1>{words}</h1>" in page
    assert f'<a class="button button--main" href="{address}">' in page
    assert 'name="language"' in page
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Cache-Control"] == "no-store"
    assert client.get(address, follow=True).status_code == 200


async def test_the_web_process_answers_the_same(bank_there):
    client = AsyncClient(raise_request_exception=False)
    await client.aforce_login(bank_there.teller)

    with database_away():
        response = await client.get("/accounts/?account=C100")

    page = response.content.decode()
    assert response.status_code == 503
    assert "Veuillez réessayer" in page
    assert 'href="/accounts/?account=C100"' in page


@pytest.fixture
def bank_there(transactional_db):
    """Give a bank that other threads see as well."""
    return build_bank()


CROWDED = (
    'connection failed: connection to server at "db.example", port 5432 failed: FATAL:  '
    'too many connections for role "bank_web"'
)


@pytest.mark.parametrize("says", [AWAY] + ([CROWDED] if connection.vendor != "sqlite" else []))
def test_a_form_keeps_what_was_typed_when_even_the_agent_cannot_be_looked_up(
    bank, browser_of, says
):
    client = browser_of(bank.teller)
    sent = form(page="account")

    with database_away(says):
        response = client.post("/transactions/new/", sent)

    page = plain(response)
    assert response.status_code == 503
    assert "<dt>Référence</dt><dd>Espèces guichet</dd>" in page
    assert kept_by(page) == sent
    # Another language would be asked for at another page, without what was typed.
    assert 'name="language"' not in page
    assert client.post("/transactions/new/", kept_by(page)).status_code == 302
    assert Submission.objects.count() == 1


@only_on("postgresql", "a file has no standby")
def test_a_form_keeps_what_was_typed_where_the_server_takes_no_writes(bank, browser_of):
    client = browser_of(bank.teller)
    sent = form(page="account")

    with atomic(), connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on; SET transaction_read_only = on")
        response = client.post("/transactions/new/", sent)
        set_rollback(True)

    assert response.status_code == 503
    assert kept_by(plain(response)) == sent


def test_any_other_form_keeps_what_was_typed_too(bank, browser_of):
    client = browser_of(bank.administrator)
    sent = {"action": "nothing", "chosen": "1"}

    with database_away():
        response = client.post("/admin/accounts/branch/add/?a=b", sent)

    page = plain(response)
    assert response.status_code == 503
    assert kept_by(page) == sent
    assert 'action="/admin/accounts/branch/add/?a=b"' in page


def test_a_password_is_never_part_of_the_page(bank, browser_of):
    client = Client(raise_request_exception=False)

    with database_away():
        response = client.post("/auth/login/", {"login": "teller", "password": PASSWORD})

    page = plain(response)
    assert response.status_code == 503
    assert PASSWORD not in page
    assert '<a class="button button--main" href="/auth/login/">' in page


def test_what_another_site_made_the_browser_send_is_not_offered_again(bank):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(bank.teller)

    with database_away():
        response = client.post("/transactions/new/", form())

    page = plain(response)
    assert response.status_code == 503
    assert "Veuillez réessayer" in page
    assert "Espèces guichet" not in page


def test_a_fault_of_ours_is_not_passed_off_as_a_trouble_that_passes(bank, browser_of):
    client = browser_of(bank.teller)

    with database_away(
        "near SELEKT: syntax error" if connection.vendor == "sqlite" else 'role "x"'
    ):
        pages = [client.get("/accounts/"), client.post("/transactions/new/", form())]

    assert [page.status_code for page in pages] == [500, 500]
