"""Every page of a teller: no fault that axe-core finds, and nothing wider than a narrow screen."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page

from accounts.identifiers import new_transaction_id
from accounts.models import Entry, Kind
from accounts.services.submissions import submit_transaction
from tests.builders import withdrawn

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOUR = ["color-contrast", "link-in-text-block"]


@pytest.fixture
def addresses(bank) -> dict[str, str]:
    """Each page in the states that look different."""
    bank.ledger.post(withdrawn(5_000_000), withdrawn(1_250, reference="Facture eau 2026-10"))
    queued = submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=12_345,
        by=bank.teller,
    ).transaction_id
    return {
        "accounts": "/accounts/",
        "no such account": "/accounts/?account=C404",
        "account": "/accounts/C100/",
        "account with a receipt": f"/accounts/C100/?receipt={queued}",
        "receipt": f"/transactions/{queued}/",
        "list": "/transactions/",
        "empty list": "/transactions/?account=C404",
        "form": "/transactions/new/",
        "new account": "/accounts/new/",
        "sign out": "/auth/logout/",
        "not there": "/nowhere/",
    }


def faults(page: Page) -> list[str]:
    """Give what axe finds: by all its rules, and in the other theme by those of colour."""
    page.wait_for_load_state()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    theme = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
    other = {"light": "dark", "dark": "light"}[theme]
    page.emulate_media(reduced_motion="reduce")
    # What has been scrolled below the header would count as too small to be hit.
    page.evaluate("scrollTo(0, 0)")
    found = _found(page, {"type": "tag", "values": RULES})
    page.emulate_media(color_scheme=other)
    in_other = _found(page, {"type": "rule", "values": OF_COLOUR})
    page.emulate_media(color_scheme=theme)
    return found + [f"{other}: {each}" for each in in_other]


def _found(page: Page, rules: dict[str, object]) -> list[str]:
    # To read imported stylesheets axe would write them into the page, which its policy forbids.
    options = json.dumps({"runOnly": rules, "resultTypes": ["violations"], "preload": False})
    found = page.evaluate(f"axe.run(document, {options}).then((results) => results.violations)")
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_page_is_wider_than_a_narrow_screen(page_of, bank, addresses, language):
    page = page_of(bank.teller, language=language, viewport={"width": 320, "height": 640})

    widths = {}
    for name, address in addresses.items():
        page.goto(address)
        widths[name] = page.evaluate("document.documentElement.scrollWidth")

    assert widths == dict.fromkeys(addresses, 320)


def test_axe_is_the_file_that_was_recorded():
    recorded = json.loads((AXE.parent / "vendored.json").read_text(encoding="utf-8"))["files"]

    assert recorded == {AXE.name: hashlib.sha256(AXE.read_bytes()).hexdigest()}


SMALL = """() => [...document.querySelectorAll("main *")].filter((each) =>
    each.getClientRects().length && parseFloat(getComputedStyle(each).fontSize) < 12
).map((each) => each.outerHTML.slice(0, 100))"""


def test_no_text_is_below_12_pixels(page_of, bank, addresses):
    page = page_of(bank.teller)
    posted = Entry.objects.latest("id").transaction_id

    found = {}
    for name, address in {**addresses, "posted": f"/transactions/{posted}/"}.items():
        page.goto(address)
        found[name] = page.evaluate(SMALL)

    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_the_form_is_read_in_the_order_of_the_tab_key(page_of, bank, width):
    page = page_of(bank.teller, viewport={"width": width, "height": 900})
    page.goto("/accounts/C100/")

    fields = ("[value=deposit]", "#id_amount", "#id_reference", ".slip button[type=submit]")
    # All at one moment.
    boxes = page.evaluate(
        """(fields) => fields.map(
            (each) => document.querySelector(each).getBoundingClientRect().toJSON()
        )""",
        fields,
    )

    # Each begins below the one before, or to its right.
    for before, after in pairwise(boxes):
        is_below = after["y"] >= before["y"] + before["height"]
        assert is_below or after["x"] >= before["x"] + before["width"]
