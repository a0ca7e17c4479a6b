"""Signing in and out, and the pages that answer when something is wrong."""

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.views.defaults import server_error

from bankportal.errors import not_understood
from tests.accounts.conftest import PASSWORD


def sign_in(client: Client, login: str, password: str, language: str = "fr"):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client.post("/auth/login/", {"login": login, "password": password})


def test_the_sign_in_page_offers_no_way_around_it(client, db):
    page = client.get("/auth/login/").content.decode()

    assert "Se connecter" in page
    assert 'autocomplete="current-password"' in page
    assert "signup" not in page
    assert "reset" not in page


def test_an_agent_signs_in_and_meets_no_message_in_the_way(client, bank):
    response = sign_in(client, "teller", PASSWORD)

    assert response.headers["Location"] == "/"
    assert not list(client.get("/accounts/").context["messages"])


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", "ne vont pas ensemble"), ("en", "do not match")],
)
def test_a_wrong_password_is_said_beside_the_form_and_the_name_kept(client, bank, language, words):
    page = sign_in(client, "teller", "not the password", language).content.decode()

    assert words in page
    assert 'value="teller"' in page
    assert "not the password" not in page


def test_too_many_attempts_are_told_to_wait(client, bank):
    for _ in range(5):
        sign_in(client, "teller", "not the password")

    page = sign_in(client, "teller", "not the password").content.decode()

    assert "Trop de tentatives manquées." in page


def test_a_disabled_agent_is_told_so(client, bank):
    bank.teller.is_active = False
    bank.teller.save()

    response = sign_in(client, "teller", PASSWORD)

    assert response.status_code == 403
    assert "Votre accès est fermé" in response.content.decode()
    assert client.get("/accounts/").status_code == 302


def test_signing_out_takes_a_post_and_ends_the_session(bank, signed_in):
    client = signed_in(bank.teller)

    asked = client.get("/auth/logout/")
    assert "Se déconnecter" in asked.content.decode()
    assert client.get("/accounts/").status_code == 200

    client.post("/auth/logout/")
    assert client.get("/accounts/").status_code == 302


def test_the_portal_speaks_french_until_english_is_chosen(db):
    client = Client(headers={"accept-language": "en-GB,en;q=0.9"})
    assert '<html lang="fr"' in client.get("/auth/login/").content.decode()

    client.post("/i18n/setlang/", {"language": "en", "next": "/auth/login/"})

    page = client.get("/auth/login/").content.decode()
    assert '<html lang="en"' in page
    assert "Sign in" in page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chosen_theme_comes_with_the_page(db, theme):
    client = Client()
    client.cookies["theme"] = theme

    assert f'data-theme="{theme}"' in client.get("/auth/login/").content.decode()


def test_a_forged_theme_does_not_reach_the_page(db):
    client = Client()
    client.cookies["theme"] = "x onload"

    assert "onload" not in client.get("/auth/login/").content.decode()


def test_a_form_from_elsewhere_is_refused_in_the_portals_look(bank):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bank.teller)

    response = client.post("/transactions/new/", {"account": "C100"})

    assert response.status_code == 403
    assert "Ce formulaire est trop ancien" in response.content.decode()


def test_our_own_failure_shows_nothing_of_a_customer():
    response = server_error(RequestFactory().get("/accounts/C100/"))

    page = response.content.decode()
    assert response.status_code == 500
    assert "Quelque chose s’est mal passé de notre côté" in page
    assert "C100" not in page


def test_a_request_that_cannot_be_read_says_so():
    response = not_understood(RequestFactory().get("/"), ValueError("C100"))

    assert response.status_code == 400
    assert "Cette demande n’a pas pu être lue" in response.content.decode()
    assert "C100" not in response.content.decode()


def test_memory_mode_is_said_on_every_page_even_before_sign_in(bank, signed_in, monkeypatch):
    from bankportal import context
    from streaming.endpoint import Endpoint

    memory = Endpoint(mode="memory", bootstrap_servers="127.0.0.1:1")
    monkeypatch.setattr(context, "current_endpoint", lambda: memory)

    client = signed_in(bank.teller)
    pages = {address: client.get(address) for address in ("/accounts/", "/accounts/C100/", "/no/")}
    pages["/auth/login/"] = Client().get("/auth/login/")

    for address, page in pages.items():
        assert "sera oublié par Kafka à l’arrêt du portail" in page.content.decode(), address


@pytest.mark.parametrize("following", ["a\0b", "elsewhere", "//evil.example", "/\\evil.example"])
def test_a_sign_in_leads_to_pages_of_the_portal_alone(bank, client, following):
    form = {"login": "teller", "password": PASSWORD, "next": following}

    assert client.post("/auth/login/", form).headers["Location"] == "/"
    assert client.get("/auth/login/", {"next": following}).headers["Location"] == "/"


def test_what_was_still_to_be_said_to_another_agent_is_not_said(bank, signed_in):
    client = signed_in(bank.supervisor)
    view = {"target": "new", "name": "Tour du soir", "layout": "live-6-usual", "query": ""}
    client.post("/dashboards/save/", view)
    # Ended elsewhere, or by the clock; the browser's next page is the sign-in of somebody else.
    del client.cookies[settings.SESSION_COOKIE_NAME]
    kept = client.cookies["messages"].value

    door = client.get("/auth/login/")
    client.cookies["messages"] = kept
    sign_in(client, "teller", PASSWORD)

    page = client.get("/accounts/")
    assert page.status_code == 200
    assert "Tour du soir" not in door.content.decode()
    assert "Tour du soir" not in page.content.decode()


@pytest.mark.parametrize("key", ['"abcdefgh\\000"', '"abcd\'efgh"', "é" * 32])
def test_a_cookie_that_holds_no_session_key_is_looked_for_nowhere(
    client, db, django_assert_num_queries, key
):
    """Meant to fail with Django's own store: PostgreSQL takes no NUL, so that each page would."""
    with django_assert_num_queries(0):
        response = client.get(
            "/accounts/", headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={key}"}
        )

    assert response.headers["Location"] == "/auth/login/?next=/accounts/"
