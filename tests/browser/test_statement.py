"""The statement and the style guide in a browser: accessible, on paper, on a narrow screen."""

from datetime import date

from playwright.sync_api import expect

from tests.browser.test_teller_accessibility import SMALL, faults
from tests.builders import submitted, withdrawn


def test_a_statement_is_read_by_everyone_and_printed_in_black(page_of, bank):
    bank.ledger.post(
        submitted(123_456, business_date=date(2026, 3, 4), reference="y" * 140),
        withdrawn(2_200, business_date=date(2026, 3, 5)),
    )
    page = page_of(bank.teller, color_scheme="dark", viewport={"width": 320, "height": 640})
    found = []
    for query in ("?from=2026-03-01&to=2026-03-31", "?from=2030-01-01", "?from=x"):
        page.goto(f"/accounts/C100/statement/{query}")
        found += [*faults(page), *page.evaluate(SMALL)]
        assert page.evaluate("document.documentElement.scrollWidth") == 320, query
    page.goto("/accounts/C100/statement/?range=all")

    page.emulate_media(media="print")

    assert found == []
    expect(page.locator(".header")).to_be_hidden()
    expect(page.locator(".buttons").first).to_be_hidden()
    expect(page.locator("tbody")).to_contain_text("+1\u202f234,56")
    ink = page.evaluate("getComputedStyle(document.querySelector('tbody .kind')).color")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")


def test_the_style_guide_is_what_it_asks_of_pages(page_of, bank, settings):
    settings.DEBUG = True
    page = page_of(bank.teller, viewport={"width": 320, "height": 640})
    page.goto("/styleguide/")
    expect(page.locator("[data-live-badge-of=stale]").first).to_contain_text("Périmé depuis")

    assert faults(page) == []
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320
