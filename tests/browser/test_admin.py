"""The admin in Chromium, under the portal's content security policy."""

import pytest
from playwright.sync_api import expect

from accounts.models import DeadLetter, Entry
from tests.builders import submitted, withdrawn

pytestmark = pytest.mark.django_db(transaction=True)

WIDE = {"width": 1440, "height": 900}
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


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_entries_fit_into_their_box_on_a_wide_screen(bank, page_of, language) -> None:
    bank.ledger.post(
        withdrawn(999_999_999, submitted_by="camille.descamps"),
        submitted(12_345_678, submitted_by="camille.descamps"),
    )
    page = page_of(bank.administrator, language=language, viewport=WIDE)

    page.goto("/admin/accounts/entry/")

    beyond = page.locator("#changelist-form .results").evaluate(
        "(box) => box.scrollWidth - box.clientWidth"
    )
    assert beyond <= 0


def test_the_pages_of_those_who_watch_link_to_the_admin(bank, page_of) -> None:
    watchers = page_of(bank.auditor, language="en")
    tellers = page_of(bank.teller, language="en")

    watchers.goto("/accounts/")
    tellers.goto("/accounts/")

    expect(watchers.get_by_role("link", name="Admin")).to_be_visible()
    expect(tellers.get_by_role("link", name="Admin")).to_have_count(0)


def test_an_operator_redrives_one_and_discards_another_saying_why(bank, page_of) -> None:
    for amount_minor in (100, 200):
        bank.ledger.bury(submitted(amount_minor))
    first, second = DeadLetter.objects.order_by("id")
    page = page_of(bank.operator, language="en")

    page.goto(f"/admin/accounts/deadletter/{first.pk}/change/")
    page.get_by_role("button", name="Redrive: publish once more").click()
    expect(page.locator(".messagelist")).to_contain_text("1 dead letter is published once more.")
    page.locator(f'input[name="_selected_action"][value="{second.pk}"]').check()
    page.locator('select[name="action"]').select_option("discard_letters")
    page.get_by_role("button", name="Go").click()
    page.get_by_label("Reason").fill("a test of ours")
    page.get_by_role("button", name="Discard").click()

    expect(page.locator(".messagelist")).to_contain_text("1 dead letter is discarded.")
    expect(page.locator("#result_list")).to_contain_text("Redriven, on its way")
    expect(page.locator("#result_list")).to_contain_text("Discarded")


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(("role", "shape"), [("teller", (3, 1)), ("administrator", (6, 2))])
def test_the_main_links_stand_in_even_lines_on_a_narrow_screen(
    bank, page_of, language, role, shape
) -> None:
    page = page_of(getattr(bank, role), language=language, viewport={"width": 320, "height": 640})
    page.goto("/dashboard/")

    # All at one moment: what the badge says may move them between two looks.
    boxes = page.locator(".nav a").evaluate_all(
        "links => links.map((link) => link.getBoundingClientRect().toJSON())"
    )

    assert (len(boxes), len({box["y"] for box in boxes})) == shape
    assert max(box["right"] for box in boxes) <= 320


# Texts below 12 px, and targets lower than 24; a checkbox is as large as its label.
SMALL = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const small = new Set();
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const isShown = texts.currentNode.textContent.trim() && element.getClientRects().length;
        if (isShown && parseFloat(getComputedStyle(element).fontSize) < 12)
            small.add(element.outerHTML.slice(0, 100));
    }
    for (const target of document.querySelectorAll(
        "a[href], button, summary, select, input:not([type=hidden], [type=checkbox], [type=radio])"
    )) {
        const { width, height } = target.getBoundingClientRect();
        if (width && target.checkVisibility() && (height < 23.9 || width < 23.9))
            small.add(target.outerHTML.slice(0, 100));
    }
    return [...small];
}"""


@pytest.mark.parametrize("width", [1440, 320])
def test_no_text_is_below_12_pixels_and_no_target_below_24(bank, page_of, width) -> None:
    page = page_of(bank.administrator, viewport={"width": width, "height": 900})
    entry = Entry.objects.latest("id")

    found = {}
    for address in (
        "",
        "accounts/entry/",
        f"accounts/entry/{entry.pk}/change/",
        f"accounts/agent/{bank.teller.pk}/change/",
        "accounts/agent/add/",
    ):
        page.goto(f"/admin/{address}")
        found[address] = page.evaluate(SMALL)

    assert {address: each for address, each in found.items() if each} == {}
