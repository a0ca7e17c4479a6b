"""Results as one types, in a browser: by keyboard, by pointer, and nothing in anyone's way."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from tests.browser.test_teller_accessibility import faults


def the_list(page: Page):
    return page.get_by_role("listbox")


@pytest.fixture
def page(page_of, bank) -> Page:
    """The accounts of a teller who has two customers, and has typed what both begin with."""
    Account.objects.create(number="C217", holder="Léa Martin", branch=bank.teller.branch)
    page = page_of(bank.teller)
    page.goto("/accounts/")
    page.locator("#account").press_sequentially("c")
    expect(the_list(page).get_by_role("option")).to_have_count(2)
    return page


def test_a_customer_is_found_by_arrows_and_enter(page):
    field = page.locator("#account")
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".seek [role=status]")).to_have_text("2 résultats")
    assert field.get_attribute("aria-activedescendant") is None
    found = faults(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
    expect(chosen).to_have_attribute("aria-selected", "true")
    expect(chosen).to_contain_text("Léa Martin")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(the_list(page)).to_be_hidden()
    expect(field).to_have_value("c")
    page.keyboard.press("ArrowDown")
    expect(the_list(page)).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")

    # The first one, round by way of the last.
    page.wait_for_url("**/accounts/C100/")
    assert found == []


def test_a_number_and_enter_open_the_account_whatever_the_list_does(page_of, bank):
    page = page_of(bank.teller)
    page.goto("/dashboard/")
    page.keyboard.press("/")
    page.keyboard.type("c100")
    page.keyboard.press("Enter")

    page.wait_for_url("**/accounts/C100/")


def test_what_is_typed_on_opens_no_account_that_was_chosen_before(page):
    """Red where the choice stays until the answer comes: another customer's account opens."""
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.route("**/*", lambda route: route.request.resource_type == "fetch" or route.continue_())

    page.locator("#account").press_sequentially("100")
    page.keyboard.press("Enter")

    page.wait_for_url("**/accounts/C100/")


def test_the_header_finds_by_pointer_on_a_narrow_dark_screen(page_of, bank):
    page = page_of(
        bank.teller, color_scheme="dark", viewport={"width": 320, "height": 640}, language="en"
    )
    page.goto("/transactions/")
    page.locator(".find input").press_sequentially("lefevre")
    option = the_list(page).get_by_role("option")
    expect(option).to_have_count(1)
    found = faults(page)
    width = page.evaluate("document.documentElement.scrollWidth")

    option.click()

    page.wait_for_url(re.compile(r"/accounts/C100/$"))
    assert found == []
    assert width == 320


def test_a_search_that_fails_leaves_the_form_as_it_was(page_of, bank):
    page = page_of(bank.teller)
    page.goto("/accounts/")
    page.route("**/accounts/search/**", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.locator("#account").press_sequentially("lefevre")

    expect(the_list(page)).to_be_hidden()
    page.keyboard.press("Enter")

    page.wait_for_url("**/accounts/C100/")
