"""The admin in Chromium, under the portal's content security policy."""

import pytest
from playwright.sync_api import expect

from accounts.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = (
    "account",
    "entry",
    "dailytotal",
    "submission",
    "outbox",
    "deadletter",
    "log",
    "logposition",
    "agent",
    "branch",
)


def test_lists_and_forms_break_no_rule_of_the_policy(bank, page_of) -> None:
    page = page_of(bank.administrator)
    entry = Entry.objects.latest("id")
    addresses = [
        "",
        *(f"accounts/{name}/" for name in LISTS),
        f"accounts/entry/{entry.pk}/change/",
        f"accounts/agent/{bank.teller.pk}/change/",
        "accounts/agent/add/",
    ]

    for address in addresses:
        page.goto(f"/admin/{address}")

        expect(page.locator("#site-name")).to_be_visible()


def test_an_administrator_finds_an_entry_by_its_account_and_follows_it(bank, page_of) -> None:
    page = page_of(bank.administrator, language="en")

    page.goto("/admin/accounts/entry/")
    page.locator("#searchbar").fill("C100")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=C100")
    page.locator("#result_list .field-id_shown a").first.click()
    page.get_by_role("link", name="C100").first.click()

    expect(page.locator("#result_list")).to_contain_text("Camille Lefèvre")


def test_the_pages_of_those_who_watch_link_to_the_admin(bank, page_of) -> None:
    watchers = page_of(bank.auditor, language="en")
    tellers = page_of(bank.teller, language="en")

    watchers.goto("/accounts/")
    tellers.goto("/accounts/")

    expect(watchers.get_by_role("link", name="Admin")).to_be_visible()
    expect(tellers.get_by_role("link", name="Admin")).to_have_count(0)
