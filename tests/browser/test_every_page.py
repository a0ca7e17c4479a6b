"""Every page that people see, by the site's own list of addresses, held to WCAG 2.2 AA.

Each is opened once: axe in both themes, the focus along all that can have it, a narrow screen, and
the spacing of text that readers may set.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import Client
from playwright.sync_api import Page, Route, expect

from accounts.models import Agent, Submission
from tests.accounts.conftest import signed_in  # noqa: F401
from tests.accounts.test_pages_in_both_languages import addresses, lively_bank  # noqa: F401
from tests.browser.test_teller_accessibility import faults

TEMPLATES = Path(settings.BASE_DIR) / "templates"
LOW = {"width": 1440, "height": 480}
NARROW = {"width": 320, "height": 640}

# 1.4.12: what a reader may set, and must lose nothing by.
SPACED = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }"""
# What says something and is cut off, where it could neither be scrolled nor was cut off before.
CUT_OFF = """() => [...document.querySelectorAll("body *")].filter((each) => {
    const { overflowX, overflowY, textOverflow } = getComputedStyle(each);
    const { width, height } = each.getBoundingClientRect();
    const isWider = overflowX === "hidden" && each.scrollWidth > each.clientWidth + 1;
    const isHigher = overflowY === "hidden" && each.scrollHeight > each.clientHeight + 1;
    return (isWider || isHigher) && width > 1 && height > 1 && textOverflow !== "ellipsis"
        && each.innerText?.trim();
}).map((each) => each.outerHTML.slice(0, 120))"""

BEYOND = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"

# 2.4.7 and 2.4.11: whoever goes along the page by keyboard, in either direction, sees where.
FOCUSED = """() => {
    const named = "a[href], button, input, select, textarea, summary, [tabindex]";
    const all = [...document.querySelectorAll(named)].filter((each) => each.tabIndex >= 0
        && !each.disabled && each.checkVisibility({ visibilityProperty: true }));
    const wrong = new Set();
    const isMarked = (each) => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
        return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none";
    };
    const look = (each) => {
        each.focus({ focusVisible: true });
        if (document.activeElement !== each) return;
        // A button of a choice is as large as its label, which is what is seen.
        const seen = (each.matches("[type=radio], [type=checkbox]") && each.labels[0]) || each;
        const { left, top, width, height } = seen.getBoundingClientRect();
        const isSeen = [0.1, 0.5, 0.9].some((x) => [0.1, 0.5, 0.9].some((y) =>
            seen.contains(document.elementFromPoint(left + width * x, top + height * y))));
        const beside = [each, seen, each.nextElementSibling, seen.parentElement].filter(Boolean);
        if (!isSeen) wrong.add(`hidden: ${each.outerHTML.slice(0, 120)}`);
        if (!beside.some(isMarked)) wrong.add(`unmarked: ${each.outerHTML.slice(0, 120)}`);
    };
    all.forEach(look);
    all.reverse().forEach(look);
    return [...wrong];
}"""

SPACE = """(text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    document.adoptedStyleSheets = [sheet];
}"""
UNSPACE = "() => { document.adoptedStyleSheets = []; }"
MOVING = (
    """() => document.getAnimations().map((each) => each.effect.target.outerHTML.slice(0, 120))"""
)


def found_on(page: Page) -> dict[str, object]:
    """Give all that is wrong with the page as it is."""
    wide = page.viewport_size
    found: dict[str, object] = {"axe": faults(page), "moving": page.evaluate(MOVING)}
    page.set_viewport_size(LOW)
    page.keyboard.press("Tab")
    found["focus"] = page.evaluate(FOCUSED)
    page.set_viewport_size(NARROW)
    found["focus on a phone"] = page.evaluate(FOCUSED)
    found["width"] = beyond(page)
    cut_off = page.evaluate(CUT_OFF)
    page.evaluate(SPACE, SPACED)
    found["cut off"] = [each for each in page.evaluate(CUT_OFF) if each not in cut_off]
    page.evaluate(UNSPACE)
    page.set_viewport_size(wide)
    return {name: each for name, each in found.items() if each}


def beyond(page: Page) -> int:
    """Give by how much the page is wider than the screen, once its charts have their new width."""
    for _turn in range(20):
        if not (pixels := page.evaluate(BEYOND)):
            break
        page.wait_for_timeout(100)
    return pixels


def only_axe(page: Page) -> dict[str, object]:
    """Give what axe finds where something lies over the page, or where it is no page for users."""
    found = faults(page)
    return {"axe": found} if found else {}


def pages_of(agent: Agent, client: Client, *, in_admin: bool) -> Iterator[str]:
    """Give the addresses that answer an agent with a page."""
    for address in addresses(agent):
        if address.startswith("/admin/") != in_admin:
            continue
        response = client.get(address)
        if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html"):
            yield address


@pytest.fixture
def bank(chromium, transactional_db, lively_bank):  # noqa: F811
    """Give a bank in which something of each sort has happened, to the server's threads too."""
    return lively_bank


def test_every_page_of_the_portal(page_of, bank, signed_in):  # noqa: F811
    page = page_of(bank.supervisor, reduced_motion="reduce")

    found = {}
    for address in pages_of(bank.supervisor, signed_in(bank.supervisor), in_admin=False):
        page.goto(address)
        found[address] = found_on(page)

    assert len(found) > 15
    assert wrong_of(found) == {}


def test_every_page_of_the_admin(page_of, bank, signed_in):  # noqa: F811
    page = page_of(bank.administrator, reduced_motion="reduce")
    found = {}
    for address in pages_of(bank.administrator, signed_in(bank.administrator), in_admin=True):
        page.goto(address)
        found[address] = found_on(page)

    assert len(found) > 15
    assert wrong_of(found) == {}


def test_every_page_of_the_audit_log(page_of, bank, signed_in):  # noqa: F811
    page = page_of(bank.auditor, reduced_motion="reduce")
    found = {}
    pages = pages_of(bank.auditor, signed_in(bank.auditor), in_admin=False)
    states = ("/audit/?range=dates&from=x", "/audit/?agent=nobody")
    for address in [*(each for each in pages if each.startswith("/audit/")), *states]:
        page.goto(address)
        found[address] = found_on(page)

    assert len(found) == 4
    assert wrong_of(found) == {}


def test_every_state_that_an_address_does_not_bring(page_of, bank, settings):
    page = page_of(bank.supervisor, reduced_motion="reduce")
    queued = Submission.objects.filter(account="C100").latest("id").transaction_id
    found = {}

    def look(state: str) -> None:
        found[state] = found_on(page)

    page.goto(f"/accounts/C100/?receipt={queued}")
    look("receipt beside the form")
    page.fill("#id_amount", "1.234")
    page.keyboard.press("Enter")
    page.wait_for_selector("#errors")
    look("amount with two meanings")
    page.goto("/accounts/?account=C404")
    look("no such account")
    page.goto("/transactions/?account=C404")
    look("nothing found")
    page.goto("/transactions/?from=x")
    look("filter refused")
    page.goto("/accounts/new/")
    # Not by the keyboard, since the field gets its focus only a moment later.
    page.locator("main form button[type=submit]").click()
    page.wait_for_selector("#errors")
    look("account without a number")
    page.locator("header input[name=account]").fill("C1")
    page.wait_for_selector(".results__one")
    found["search"] = only_axe(page)
    page.keyboard.press("Escape")
    page.locator("[data-open-shortcuts]").click()
    page.wait_for_selector("dialog[open]")
    found["shortcuts"] = only_axe(page)
    page.goto("/dashboard/default/")
    for button in page.locator("[data-as-table]").all():
        button.click()
    page.locator("[data-pause]").click()
    look("tables for charts, paused")
    page.goto("/dashboard/?range=today&accounts=")
    look("empty dashboard")
    page.goto("/dashboard/default/")
    page.locator("[data-arrange]").click()
    page.wait_for_selector(".is-arranging")
    look("arranging")
    settings.DEBUG = True
    page.goto("/styleguide/")
    # There components stand in both themes at once, and in states that cannot be used.
    found["styleguide"] = only_axe(page)
    settings.DEBUG = False
    page.context.clear_cookies()
    page.goto("/auth/login/")
    look("the door")

    assert wrong_of(found) == {}


COLOURS = """(each) => {
    const { backgroundColor, borderBottomColor } = getComputedStyle(each);
    return [backgroundColor, borderBottomColor];
}"""


def test_what_is_chosen_is_seen_where_the_system_chooses_colours(page_of, bank):
    page = page_of(bank.supervisor, forced_colors="active")
    page.goto("/dashboard/default/")

    chosen = page.locator(".choice label:has(:checked)").first.evaluate(COLOURS)
    other = page.locator(".choice label:not(:has(:checked))").first.evaluate(COLOURS)
    here = page.locator(".nav a[aria-current]").evaluate(COLOURS)
    elsewhere = page.locator(".nav a:not([aria-current])").first.evaluate(COLOURS)

    assert chosen[0] != other[0]
    assert here[1] != elsewhere[1]


def test_every_page_of_an_error(page_of, rf):
    page = page_of(reduced_motion="reduce")
    names = sorted(path.name for path in TEMPLATES.glob("[45]*.html"))

    found = {}
    for name in names:
        request = rf.get("/accounts/")
        request.user = AnonymousUser()
        text = render_to_string(name, {"address": "/accounts/"}, request)
        page.route(f"**/{name}", partial(answer, text))
        page.goto(f"/{name}")
        expect(page.locator("h1")).to_be_visible()
        found[name] = found_on(page)

    assert {"400.html", "403.html", "404.html", "429.html", "500.html", "503.html"} <= set(found)
    assert wrong_of(found) == {}


def answer(text: str, route: Route) -> None:
    route.fulfill(body=text, content_type="text/html")


def wrong_of(found: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {where: wrong for where, wrong in found.items() if wrong}
