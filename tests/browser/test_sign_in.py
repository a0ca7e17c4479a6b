"""The door in a browser: passkeys by a virtual authenticator, an app, and the session's end."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import Agent, Role
from accounts.selectors.sessions import ACTIVE, BEGAN
from tests.accounts.conftest import PASSWORD
from tests.accounts.second_factors import App
from tests.accounts.test_lock_out import fail
from tests.browser.test_every_page import found_on, only_axe, wrong_of

DIALOG = "dialog#session"


@pytest.fixture
def with_key(page_of):
    """Open a browser whose device has a passkey chip that always agrees."""

    def open_page(agent: Agent | None = None, **options) -> Page:
        page = page_of(agent, **options)
        device = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        chip = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        device.send("WebAuthn.addVirtualAuthenticator", {"options": chip})
        return page

    return open_page


def add_passkey(page: Page, name: str = "Porte-clés") -> None:
    page.goto("/auth/factors/")
    page.get_by_role("link", name="Ajouter une clé d’accès").click()
    # Its script sends the form.
    page.wait_for_url("**/auth/passkeys/add/")
    page.fill("#id_name", name)
    page.keyboard.press("Enter")
    page.wait_for_url("**/auth/factors/codes/")


def give_password(page: Page, agent: Agent, password: str = PASSWORD) -> None:
    page.goto("/auth/login/")
    page.fill("[name=login]", agent.username)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")


def test_a_passkey_is_added_signs_in_by_itself_and_is_removed(with_key, bank):
    page = with_key(bank.supervisor)
    add_passkey(page)

    page.goto("/auth/logout/")
    page.locator("main button").click()
    page.wait_for_url("**/auth/login/**")
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    page.wait_for_url("**/dashboard/")

    page.goto("/auth/factors/")
    expect(page.locator("main")).to_contain_text("Porte-clés")
    page.get_by_role("link", name="Retirer Porte-clés").click()
    page.get_by_role("button", name="Retirer la clé d’accès").click()
    page.wait_for_url("**/auth/factors/")
    assert not Authenticator.objects.filter(user=bank.supervisor).exists()


def test_a_passkey_is_the_second_factor_that_a_role_needs(with_key, bank, settings):
    settings.SECOND_FACTOR_ROLES = frozenset({Role.SUPERVISOR})
    page = with_key()
    give_password(page, bank.supervisor)
    page.wait_for_url("**/auth/factors/**")
    add_passkey(page)
    page.goto("/dashboard/")
    page.locator("footer form button").click()

    give_password(page, bank.supervisor)
    page.wait_for_url("**/auth/factors/login/")
    page.get_by_role("button", name="Utiliser une clé d’accès").click()

    page.wait_for_url("**/dashboard/")


def test_a_passkey_that_is_not_there_is_said(with_key, bank):
    page = with_key(reduced_motion="reduce")
    page.goto("/auth/login/")

    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()

    expect(page.locator("[data-passkey-failed]")).to_be_visible()
    assert wrong_of({"failed": found_on(page)}) == {}


def test_an_app_is_set_up_with_what_the_page_shows(page_of, bank, settings):
    settings.SECOND_FACTOR_ROLES = frozenset({Role.SUPERVISOR})
    page = page_of()
    give_password(page, bank.supervisor)

    page.get_by_role("link", name="Configurer une application").click()
    app = App(page.locator(".secret").inner_text())
    page.fill("#id_code", app.code())
    page.keyboard.press("Enter")
    page.wait_for_url("**/auth/factors/codes/")

    assert page.locator(".codes li").count() == 10
    expect(page.locator("main [autofocus]")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/")


def put_back(page: Page, **moments: float) -> None:
    """Let the session of ``page`` have begun, or been used, at other moments."""
    key = next(each["value"] for each in page.context.cookies() if each["name"] == "sessionid")
    session = Session.objects.get(session_key=key)
    store = Client().session.__class__(key)
    session.session_data = store.encode(session.get_decoded() | moments)
    session.save()


def used_at(page: Page) -> float:
    key = next(each["value"] for each in page.context.cookies() if each["name"] == "sessionid")
    return Session.objects.get(session_key=key).get_decoded()[ACTIVE]


def is_asked(page: Page) -> None:
    """Let the page ask the server, as it does when it comes into view."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_warning_comes_before_the_end_and_one_key_answers_it(page_of, bank):
    page = page_of(bank.teller)
    page.goto("/accounts/C100/")
    page.fill("#id_amount", "12,50")
    put_back(page, **{ACTIVE: time.time() - 15 * 60 + 50})

    is_asked(page)
    expect(page.locator(DIALOG)).to_be_visible()
    assert re.search(r"se termine dans (4\d|50).s", page.locator(DIALOG).inner_text())
    assert "Êtes-vous toujours là" in page.locator(DIALOG).inner_text()
    page.keyboard.press("Enter")

    expect(page.locator(DIALOG)).to_be_hidden()
    assert page.input_value("#id_amount") == "12,50"
    assert used_at(page) > time.time() - 20


def test_what_an_agent_types_prolongs_the_session_at_most_once_a_minute(page_of, bank):
    page = page_of(bank.teller)
    page.clock.install()
    page.goto("/accounts/C100/")
    asked = []
    page.on("request", lambda request: asked.append(request) if request.method == "POST" else None)
    put_back(page, **{ACTIVE: time.time() - 600})

    page.keyboard.press("1")
    page.clock.run_for(61_000)
    with page.expect_response("**/auth/session/"):
        page.keyboard.press("2")
    page.clock.run_for(5_000)
    for key in "34":
        page.keyboard.press(key)
        page.wait_for_load_state("networkidle")

    assert used_at(page) > time.time() - 60
    assert len(asked) == 1


def test_after_its_end_a_page_shows_nothing_and_leads_back(page_of, bank):
    page = page_of(bank.teller, reduced_motion="reduce")
    page.goto("/accounts/C100/")
    page.fill("#id_amount", "12,50")
    put_back(page, **{ACTIVE: time.time() - 15 * 60 - 1})

    is_asked(page)
    expect(page.locator(DIALOG).get_by_text("Votre session est terminée")).to_be_visible()

    # Neither is there for a reader view, nor above the window.
    assert "Camille" not in page.content()
    assert page.title() == "Votre session est terminée"
    assert page.evaluate("document.activeElement.textContent") == "Se connecter"
    page.keyboard.press("Escape")
    expect(page.locator(DIALOG)).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/auth/login/?next=%2Faccounts%2FC100%2F")
    page.fill("[name=login]", "teller")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/C100/")
    assert page.input_value("#id_amount") == ""


@pytest.mark.parametrize("asked", ["in view", "used"])
def test_a_page_of_the_agent_before_shows_nothing_either(page_of, bank, asked):
    """Meant to fail where any session will do: the next one at the counter would see it all."""
    page, next_one = page_of(bank.teller, reduced_motion="reduce"), page_of(bank.operator)
    page.clock.install()
    page.goto("/accounts/C100/statement/")
    page.context.add_cookies(next_one.context.cookies())

    if asked == "used":
        page.clock.run_for(61_000)
        page.keyboard.press("1")
    else:
        is_asked(page)
    expect(page.locator(DIALOG).get_by_text("Votre session est terminée")).to_be_visible()

    assert "Camille" not in page.content()


def test_the_last_hour_is_said_to_be_the_last(page_of, bank):
    page = page_of(bank.supervisor)
    page.goto("/admin/accounts/agent/")
    put_back(page, **{BEGAN: time.time() - 10 * 3600 + 40})

    is_asked(page)
    expect(page.locator(DIALOG).get_by_text("durée maximale")).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.locator(DIALOG)).to_be_hidden()
    is_asked(page)
    page.wait_for_timeout(300)
    expect(page.locator(DIALOG)).to_be_hidden()


def test_every_state_of_helping_others_and_of_ones_own_password(page_of, bank):
    found = {}
    page = page_of(bank.supervisor, reduced_motion="reduce")
    page.goto("/auth/password/")
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_selector("[aria-invalid]")
    found["password refused"] = found_on(page)
    page.goto("/auth/factors/app/")
    page.fill("#id_code", "000")
    page.keyboard.press("Enter")
    page.wait_for_selector("#id_code_error")
    found["first code refused"] = found_on(page)
    fail(bank.teller, 5)
    page.goto(f"/team/{bank.teller.pk}/")
    found["locked out"] = found_on(page)
    page.locator("button[value=password_given]").click()
    page.wait_for_selector(".once")
    found["new password"] = found_on(page)
    put_back(page, **{ACTIVE: time.time() - 15 * 60 + 50})
    is_asked(page)
    page.wait_for_selector(f"{DIALOG}[open]")
    found["warning"] = only_axe(page)

    assert wrong_of(found) == {}


def test_every_state_of_the_door(page_of, with_key, bank, settings):
    found = {}
    settings.AXES_FAILURE_LIMIT = 1
    page = page_of(reduced_motion="reduce")
    give_password(page, bank.auditor, "not the password")
    page.wait_for_selector("h1:has-text('bloqué')")
    found["locked out"] = found_on(page)
    App.of(bank.operator)
    give_password(page, bank.operator)
    page.wait_for_url("**/auth/factors/login/")
    page.fill("#id_code", "000")
    page.keyboard.press("Enter")
    page.wait_for_selector("#id_code_error")
    found["second factor refused"] = found_on(page)
    page = with_key(bank.administrator, reduced_motion="reduce")
    add_passkey(page)
    key = Authenticator.objects.get(user=bank.administrator, type="webauthn").pk
    for address in (
        *("factors/", "factors/codes/", "factors/codes/new/", "factors/again/", "passkeys/again/"),
        *(f"passkeys/{key}/", f"passkeys/{key}/remove/"),
    ):
        page.goto(f"/auth/{address}")
        found[address] = found_on(page)

    assert wrong_of(found) == {}
