"""Chromium, a server to talk to, and pages of agents who have signed in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from accounts.models import Agent
from tests.accounts.conftest import (  # noqa: F401
    Bank,
    build_bank,
    forgotten_attempts,
    just_signed_in,
    plain_static_files,
)
from tests.browser.dashboards import BADGE
from tests.browser.web_portal import WebPortal, french
from tests.made_once import made_once

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


# Of a module, not of the session: Playwright's event loop would stand in the way of the
# asynchronous tests that follow in the same process.
@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright runs an event loop in this thread, where Django would refuse the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def bank(chromium, transactional_db) -> Bank:
    return build_bank()


@pytest.fixture
def page_of(chromium, live_server, bank) -> Iterator[Callable[..., Page]]:
    """Open a browser of its own for an agent, or for nobody yet; French unless told.

    What goes wrong in a page unseen, an error in a script or a refusal by the content
    security policy, fails the test.
    """
    wrong: list[str] = []
    contexts = []

    def open_page(agent: Agent | None = None, *, language: str = "fr", **options) -> Page:
        context = chromium.new_context(base_url=live_server.url, locale="fr-FR", **options)
        contexts.append(context)
        cookies = {settings.LANGUAGE_COOKIE_NAME: language}
        if agent:
            client = Client()
            just_signed_in(client, agent)
            cookies[settings.SESSION_COOKIE_NAME] = client.cookies["sessionid"].value
        context.add_cookies(
            [
                {"name": name, "value": value, "url": live_server.url}
                for name, value in cookies.items()
            ]
        )
        return _watched(context.new_page(), wrong)

    expect.set_options(timeout=15_000)
    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


# What a test asks of a live page: the entries that its modules heard of, the sockets it opened,
# and to cut it off from the network.
_LISTEN = """
window.heard = [];
addEventListener("bankportal:entries",
    (event) => heard.push(...event.detail.entries.map((each) => each.transaction_id)));
window.sockets = [];
window.isCut = false;
const Native = WebSocket;
window.WebSocket = class extends Native {
    constructor(...details) {
        super(...details);
        sockets.push(this);
        if (isCut) this.close();
    }
};
"""


@pytest.fixture(scope="session")
def staffed_database(empty_database: Path, run_folder: Path) -> Path:
    """The folder of a database with agents and accounts, to be copied: making it takes seconds."""

    def make(folder: Path) -> None:
        WebPortal(folder, empty_database).hire()

    return made_once(run_folder / "staffed", make)


@pytest.fixture
def opened_by(chromium, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Open a browser of its own for an agent of the module's ``portal`` who has signed in, and
    wait until it is live; French. What goes wrong in a page unseen fails the test.

    A test that does not name ``portal`` changes nothing, and shares ``portal_to_look_at``.
    """
    is_its_own = "portal" in request.fixturenames
    portal: WebPortal = request.getfixturevalue("portal" if is_its_own else "portal_to_look_at")
    wrong: list[str] = []
    contexts = []

    def open_page(username: str, address: str = "/dashboard/", **options) -> Page:
        context = french(chromium.new_context(base_url=portal.url, **options), portal.url)
        contexts.append(context)
        context.add_init_script(_LISTEN)
        session = portal.session_of(username)
        context.add_cookies([{"name": "sessionid", "value": session, "url": portal.url}])
        page = _watched(context.new_page(), wrong)
        page.goto(address)
        expect(page.locator(BADGE).first).to_contain_text("En direct")
        return page

    expect.set_options(timeout=15_000)
    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def _watched(page: Page, wrong: list[str]) -> Page:
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(_told(message)) if _is_refusal(message) else 0)
    page.on("requestfailed", lambda request: wrong.extend(_lost(request)))
    page.on("response", lambda response: wrong.extend(_refused(response)))
    return page


# A page that is left stops what it waits for. "csp" is told by the console, and is also said of all
# scripts of a browser that is to run none.
_NOT_LOST = {"net::ERR_ABORTED", "csp"}


def _lost(request) -> list[str]:
    """Say which script or style a page has to do without, of whatever has come of a request."""
    is_needed = request.resource_type in {"script", "stylesheet"}
    is_lost = is_needed and request.failure not in _NOT_LOST
    return [f"{request.url}: {request.failure}"] if is_lost else []


def _refused(response) -> list[str]:
    """Say which script or style the server does not give."""
    is_needed = response.request.resource_type in {"script", "stylesheet"}
    return [f"{response.url}: {response.status}"] if is_needed and response.status >= 400 else []


def _told(message) -> str:
    return f"{message.page.url}: {message.text}"


def _is_refusal(message) -> bool:
    return message.type == "error" and "Content Security Policy" in message.text
