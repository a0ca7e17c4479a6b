"""A teller's day, in a browser."""

import re

import pytest
from django.db import connection
from playwright.sync_api import Page, Route, expect

from accounts.events import decode
from accounts.models import Entry, Outbox, Submission
from accounts.outbox import Publication, record_publications
from accounts.services.dead_letters import redrive
from tests.accounts.conftest import PASSWORD
from tests.builders import submitted
from tests.processes import wait_until

RECEIPT = "[data-receipt]"


def conclude(bank) -> None:
    """Let the ledger conclude what waits, as relay and consumer would."""
    waiting = Outbox.objects.exclude(
        submission__transaction_id__in=Entry.objects.values("transaction_id")
    )
    for row in waiting.order_by("id"):
        bank.ledger.post(decode(bytes(row.key), bytes(row.value)))


def announce(page: Page, *entries) -> None:
    """Dispatch what the live feed dispatches."""
    detail = {
        "entries": [
            {"transaction_id": str(each.transaction_id), "account": each.account_id}
            for each in entries
        ]
    }
    page.evaluate(
        "detail => window.dispatchEvent(new CustomEvent('bankportal:entries', { detail }))", detail
    )


def mark(page: Page) -> None:
    """Leave a mark on the page that a reload would wipe out."""
    page.evaluate("window.untouched = true")


def is_untouched(page: Page) -> bool:
    return bool(page.evaluate("window.untouched"))


def text_of(locator) -> str:
    return re.sub(r"\s+", " ", locator.inner_text()).strip()


@pytest.fixture
def teller_page(page_of, bank) -> Page:
    return page_of(bank.teller)


class Keyboard:
    """Keys that are pressed one after the other, and how many beside what is typed into fields."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed = 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.pressed += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)


def test_a_customer_is_served_by_keyboard_alone_from_the_door_to_the_next(page_of, bank):
    """Guard: the focus is where the next key belongs. Without it, keys are pressed to go there."""
    page = page_of()
    keys = Keyboard(page)
    page.goto("/")
    expect(page.locator("#id_login")).to_be_focused()
    keys.type("teller")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.locator("#account")).to_be_focused()
    page.wait_for_load_state()
    keys.type("c100")
    keys.press("Enter")
    expect(page.locator("h1")).to_have_text("Camille Lefèvre")
    page.wait_for_load_state()

    keys.press("d")
    keys.type("100")
    expect(page.locator("[data-foreseen]")).to_have_text("930,00")
    keys.press("Enter")
    expect(page.locator("#receipt")).to_be_focused()
    assert "En file, pas encore comptabilisée." in text_of(page.locator("#receipt"))
    mark(page)

    conclude(bank)

    expect(page.locator(RECEIPT)).to_have_attribute("data-receipt", "posted")
    assert text_of(page.locator(".balance .settled")) == "930,00 €"
    said = page.locator("[data-said]")
    assert "Dépôt de 100,00 € : comptabilisée. Solde 930,00 €." in text_of(said)
    # Politely: nobody is cut short, and the focus is left where it is.
    assert said.get_attribute("role") == "status" or said.get_attribute("aria-live") == "polite"
    assert page.locator("[aria-live=assertive]").count() == 0
    assert text_of(page.locator("tbody tr").first.locator(".c-state")) == "Comptabilisée"
    expect(page.locator("[data-balance-shown]")).to_have_text("930,00")
    expect(page.locator("#receipt")).to_be_focused()
    assert is_untouched(page)
    keys.press("n")
    expect(page.locator("#account")).to_be_focused()
    # Two at the door, one to find the customer, two to submit, and one for the next.
    assert keys.pressed == 6


def test_a_rejected_withdrawal_says_so_in_place(teller_page, bank):
    page = teller_page
    page.goto("/accounts/C100/")
    page.keyboard.press("r")
    page.keyboard.type("2000")
    warning = "Passerait sous le solde minimal de −500,00. Au plus 1 330,00."
    assert text_of(page.locator("[data-amount-error]")) == warning
    page.keyboard.press("Enter")
    expect(page.locator("#receipt")).to_be_focused()
    mark(page)

    conclude(bank)

    expect(page.locator(RECEIPT)).to_have_attribute("data-receipt", "rejected")
    assert "Solde inchangé." in text_of(page.locator("#receipt"))
    assert is_untouched(page)


def test_the_receipts_own_page_turns_as_well(teller_page, bank):
    page = teller_page
    page.goto("/transactions/new/?account=C100")
    page.locator("[value=deposit]").check()
    page.fill("#id_amount", "12,5")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/transactions/[0-9a-f-]{36}/$"))
    mark(page)

    conclude(bank)

    expect(page.locator(RECEIPT)).to_have_attribute("data-receipt", "posted")
    assert "842,50" in text_of(page.locator("#receipt"))
    assert is_untouched(page)


def test_a_live_entry_turns_the_receipt_at_once(teller_page, bank):
    page = teller_page
    page.goto("/accounts/C100/")
    # No timer runs from here on.
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    page.keyboard.press("d")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.locator(RECEIPT)).to_have_attribute("data-receipt", "queued")
    page.wait_for_load_state()
    conclude(bank)

    announce(page, Entry.objects.latest("id"))

    expect(page.locator(RECEIPT)).to_have_attribute("data-receipt", "posted")


def test_what_others_post_changes_the_balance_and_moves_no_row(teller_page, bank):
    page = teller_page
    page.goto("/accounts/C100/")
    rows = page.locator("tbody tr")
    before = rows.count()
    bank.ledger.post(submitted(7_000))

    announce(page, Entry.objects.latest("id"))

    expect(page.locator(".balance .settled")).to_contain_text("900,00")
    expect(page.locator("[data-newer-count]")).to_have_text("1 nouvelle opération")
    assert rows.count() == before
    page.click("[data-show-newer]")
    expect(rows).to_have_count(before + 1)
    expect(page.locator("[data-newer]")).to_be_hidden()


def test_a_late_answer_brings_back_no_older_balance(teller_page, bank):
    page = teller_page
    page.goto("/accounts/C100/")
    late = []

    def hold_up_the_first(route: Route) -> None:
        if late:
            route.continue_()
        else:
            late.append((route, route.fetch()))

    page.route("**/accounts/C100/", hold_up_the_first)
    bank.ledger.post(submitted(7_000))
    announce(page, Entry.objects.latest("id"))
    wait_until(lambda: text_of(page.locator(".balance .settled")) and late, "the first is asked")
    bank.ledger.post(submitted(1_000))
    announce(page, Entry.objects.latest("id"))
    expect(page.locator(".balance .settled")).to_contain_text("910,00")

    with page.expect_event("requestfinished"):
        late[0][0].fulfill(response=late[0][1])
    page.evaluate("fetch(location.href).then((answer) => answer.text())")

    assert text_of(page.locator(".balance .settled")) == "910,00 €"


def test_a_balance_that_could_not_be_read_is_asked_for_again(teller_page, bank):
    page = teller_page
    page.goto("/accounts/C100/")
    page.route("**/accounts/C100/", lambda route: route.fulfill(status=503), times=1)
    bank.ledger.post(submitted(7_000))

    announce(page, Entry.objects.latest("id"))

    expect(page.locator(".balance .settled")).to_contain_text("900,00")


def test_an_entry_of_another_account_changes_nothing(teller_page, bank):
    page = teller_page
    page.goto("/accounts/C100/")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    # The browser fetches the page's icon whenever it likes.

    announce(page, Entry.objects.filter(account_id="C900").latest("id"))

    expect(page.locator("[data-newer]")).to_be_hidden()
    assert [url for url in asked if not url.endswith("/icon.svg")] == []


@pytest.mark.parametrize(
    ("typed", "understood", "rule"),
    [
        ("1 234,50", "Compris : 1 234,50 €", ""),
        ("1.234,50", "Compris : 1 234,50 €", ""),
        ("1.234", "", "Deux montants possibles."),
        ("-5", "", "sans signe"),
        ("0", "", "supérieur à zéro"),
        ("1000000000", "", "Le plus grand montant est 999 999 999,99."),
        ("1e9", "", "Écrivez un montant comme"),
    ],
)
def test_what_is_typed_is_echoed_or_refused_with_its_rule(teller_page, typed, understood, rule):
    page = teller_page
    page.goto("/accounts/C100/")

    page.fill("#id_amount", typed)

    echo, error = page.locator("[data-understood]"), page.locator("[data-amount-error]")
    for part, text in ((echo, understood), (error, rule)):
        expect(part).to_be_visible(visible=bool(text))
        expect(part).to_contain_text(text)


def test_the_summary_of_errors_takes_the_focus_and_leads_to_the_field(teller_page):
    page = teller_page
    page.goto("/accounts/C100/")
    page.fill("#id_amount", "1.234")
    page.keyboard.press("Enter")

    expect(page.locator("#errors")).to_be_focused()
    page.click("#errors a[href='#id_amount']")

    expect(page.locator("#id_amount")).to_be_focused()
    expect(page.locator("#id_amount")).to_have_value("1.234")


def test_a_page_that_refused_a_form_goes_on_with_its_account(teller_page, bank):
    """Red where the form's own address is read anew: it has neither account nor balance."""
    page = teller_page
    page.goto("/accounts/C100/")
    page.locator("[value=withdrawal]").check()
    page.fill("#id_amount", "1.234")
    page.keyboard.press("Enter")
    expect(page.locator("#errors")).to_be_focused()
    page.wait_for_load_state()
    balance = page.locator(".balance .settled")
    before = text_of(balance)

    bank.ledger.post(submitted(12_300))
    announce(page, Entry.objects.latest("id"))

    expect(balance).not_to_have_text(before)
    expect(page.locator("[data-balance-shown]")).to_have_text("953,00")
    page.fill("#id_amount", "999999")
    expect(page.locator("[data-amount-error-text]")).to_contain_text("Passerait sous le solde")
    expect(page.locator("[data-foreseen]")).to_be_visible()


def test_a_receipt_of_what_was_set_aside_turns_when_it_is_redriven(teller_page, bank):
    """Red where its watch ends: it goes on to say that no balance changed."""
    page = teller_page
    page.goto("/accounts/C100/")
    page.locator("[value=deposit]").check()
    page.fill("#id_amount", "10")
    page.keyboard.press("Enter")
    receipt = page.locator(RECEIPT)
    expect(receipt).to_have_attribute("data-receipt", "queued")
    row = Outbox.objects.get()
    event = decode(bytes(row.key), bytes(row.value))
    acknowledged = Publication(row.pk, bank.ledger.log.pk, 0, bank.ledger.position().next_offset, 1)
    record_publications([acknowledged])
    letter = bank.ledger.bury(event)
    expect(receipt).to_have_attribute("data-receipt", "dead")

    redrive([letter.pk], by=bank.operator)
    bank.ledger.post(event)
    announce(page, Entry.objects.latest("id"))

    expect(receipt).to_have_attribute("data-receipt", "posted")
    expect(page.locator(".balance .settled")).to_have_text("840,00 €")


def test_a_form_whose_page_was_stopped_can_be_sent_again(teller_page):
    page = teller_page
    page.goto("/accounts/C100/")
    page.locator("[value=deposit]").check()
    page.fill("#id_amount", "10")
    page.evaluate("document.querySelector('[data-slip]').setAttribute('data-sent', '')")

    page.locator("#id_amount").press_sequentially("0")
    page.keyboard.press("Enter")

    expect(page.locator(RECEIPT)).to_be_visible()
    assert Submission.objects.get().amount_minor == 10_000


def test_escape_clears_what_was_typed(teller_page):
    page = teller_page
    page.goto("/accounts/C100/")
    page.keyboard.press("r")
    page.keyboard.type("12")

    page.keyboard.press("Escape")

    expect(page.locator("#id_amount")).to_have_value("")
    assert page.locator("[name=kind]:checked").count() == 0


@pytest.mark.fault("9")
def test_a_double_click_submits_once(teller_page):
    page = teller_page
    page.goto("/accounts/C100/")
    page.locator("[value=deposit]").check()
    page.fill("#id_amount", "10")

    page.locator("button[type=submit]:has-text('Déposer')").dblclick()

    expect(page.locator(RECEIPT)).to_be_visible()
    assert Submission.objects.count() == 1


def test_letters_are_letters_in_a_text_field_and_can_be_switched_off(teller_page):
    page = teller_page
    page.goto("/accounts/C100/")
    page.locator("#id_reference").press_sequentially("dr?/n")
    expect(page.locator("#id_reference")).to_have_value("dr?/n")
    assert page.locator("[name=kind]:checked").count() == 0

    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.locator("[data-letters-on]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("d")

    assert page.locator("[name=kind]:checked").count() == 0
    page.goto("/accounts/C100/")
    page.keyboard.press("d")
    assert page.locator("[name=kind]:checked").count() == 0
    expect(page.locator(".find kbd")).to_be_hidden()


def test_no_key_loses_an_amount_that_is_typed(page_of, bank):
    page = page_of(bank.teller)
    page.goto("/accounts/C100/")
    page.keyboard.press("d")
    page.keyboard.type("10")
    page.keyboard.press("Enter")
    expect(page.locator(RECEIPT)).to_be_focused()
    page.wait_for_load_state()
    page.keyboard.press("d")
    page.keyboard.type("25")

    page.keyboard.type("n/?r")
    page.locator("[value=withdrawal]").focus()
    page.keyboard.press("n")

    # The kind was chosen, the rest went into the field, and the key that leaves led back to it.
    expect(page.locator("#id_amount")).to_be_focused()
    expect(page.locator("#id_amount")).to_have_value("25n/?")
    assert page.locator("[value=withdrawal]").is_checked()
    assert "receipt=" in page.url
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_url("**/accounts/")


@pytest.mark.parametrize(("language", "key"), [("fr", "r"), ("en", "w")])
def test_the_key_of_a_withdrawal_is_the_first_letter_of_its_name(page_of, bank, language, key):
    page = page_of(bank.teller, language=language)
    page.goto("/accounts/C100/")

    page.keyboard.press(key)

    assert page.locator("[value=withdrawal]").is_checked()
    assert page.locator("#shortcuts kbd", has_text=re.compile(f"^{key.upper()}$")).count() == 1


def test_a_field_with_an_error_stays_in_line_with_the_others(page_of, bank):
    page = page_of(bank.teller, viewport={"width": 1440, "height": 900})
    page.goto("/transactions/?from=2026-01-01&to=2026-12-01")
    before = _tops(page)

    page.goto("/transactions/?from=2026-12-01&to=2026-01-01")

    expect(page.locator("#id_to_error")).to_be_visible()
    after = _tops(page)
    assert after["#id_to"] == after["#id_from"]
    assert before["#id_to"] == before["#id_from"]


def _tops(page: Page) -> dict[str, int]:
    """Where both fields begin, at one moment."""
    tops = page.locator("#id_from, #id_to").evaluate_all(
        "all => all.map((each) => [`#${each.id}`, Math.round(each.getBoundingClientRect().y)])"
    )
    return dict(tops)


def test_the_slash_leads_to_the_account_field_of_every_page(teller_page):
    page = teller_page
    for address in ("/transactions/", "/accounts/C100/", "/accounts/new/"):
        page.goto(address)
        # The first frame gives the focus to the field that asks for it.
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        page.evaluate("document.activeElement.blur()")

        page.keyboard.press("/")

        expect(page.locator(".find input")).to_be_focused()


def test_the_theme_stays_and_comes_with_the_next_page(page_of, bank):
    page = page_of(bank.teller, color_scheme="light")
    page.goto("/accounts/")

    page.click("[data-toggle-theme]")
    response = page.goto("/transactions/")

    assert 'data-theme="dark"' in response.text()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_the_language_changes_in_place(teller_page):
    page = teller_page
    page.goto("/accounts/C100/")

    page.click(".header [name=language]")

    expect(page).to_have_url(re.compile("/accounts/C100/$"))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".balance dt")).to_have_text("Posted balance")
    page.fill("#id_amount", "1,234.50")
    expect(page.locator("[data-understood]")).to_have_text("Understood: €1,234.50")


def test_the_password_can_be_looked_at(page_of):
    page = page_of()
    page.goto("/auth/login/")
    page.fill("#id_password", "a secret")

    page.click("text=Afficher")
    expect(page.locator("#id_password")).to_have_attribute("type", "text")

    page.click("text=Masquer")
    expect(page.locator("#id_password")).to_have_attribute("type", "password")


def test_a_filter_narrows_the_list_in_place_and_back_widens_it(teller_page, bank):
    page = teller_page
    page.goto("/transactions/?all_entries=1")
    mark(page)
    rows = page.locator("[data-list] tbody tr")
    expect(rows).to_have_count(2)

    page.select_option("#id_kind", "deposit")

    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("kind=deposit"))
    assert "kind=deposit" in page.locator("[data-list] a[download]").get_attribute("href")
    page.go_back()
    expect(rows).to_have_count(2)
    assert is_untouched(page)


_DEPOSITS = re.compile(r"/transactions/\?.*kind=deposit")


def test_a_list_that_cannot_be_loaded_says_so_and_tries_again(teller_page, bank):
    page = teller_page
    page.goto("/transactions/")
    page.route(_DEPOSITS, lambda route: route.abort())
    page.select_option("#id_kind", "deposit")
    expect(page.locator("[data-list] .state")).to_contain_text("Impossible de charger")

    page.unroute(_DEPOSITS)
    page.click("text=Réessayer")

    expect(page.locator("[data-list] tbody tr")).to_have_count(1)


@pytest.mark.parametrize("has_script", [True, False])
def test_a_filter_that_is_refused_shows_the_field_to_correct(page_of, bank, has_script):
    narrow = {"width": 320, "height": 640}
    page = page_of(bank.teller, viewport=narrow, java_script_enabled=has_script)

    for address, field, error in (
        ("/transactions/?from=x", "#id_from", "Saisissez une date valide."),
        ("/transactions/?kind=transfer", "#id_kind", "Sélectionnez un choix valide."),
        ("/transactions/?as_of=2999-01-01T00:00", "#id_as_of", "Ce moment est encore à venir."),
        ("/transactions/?account=C404", "#id_account", "Compte inconnu : C404"),
        ("/dashboard/?from=x", "#id_from", "Saisissez une date valide."),
    ):
        page.goto(address)
        expect(page.locator(field)).to_be_visible()
        expect(page.locator(f"{field}_error")).to_be_visible()
        expect(page.locator(f"{field}_error")).to_contain_text(error)
        expect(page.locator(field)).to_have_attribute("aria-invalid", "true")


def test_going_back_to_a_filter_that_was_refused_shows_its_field_again(page_of, bank):
    page = page_of(bank.teller, viewport={"width": 320, "height": 640})
    for path in ("/transactions/", "/dashboard/"):
        page.goto(path)
        wrong = f"{path}?range=dates&from=2026-03-04&to=2026-03-01"
        page.evaluate("wrong => history.pushState(null, '', wrong)", wrong)
        page.evaluate("path => history.pushState(null, '', path)", path)
        expect(page.locator("#id_to")).to_be_hidden()

        page.go_back()

        expect(page.locator("#id_to_error")).to_contain_text("La fin précède le début.")
        expect(page.locator("#id_to_error")).to_be_visible()
        expect(page.locator("#id_from")).to_have_value("2026-03-04")
        page.fill("#id_to", "2026-03-04")
        page.keyboard.press("Enter")
        expect(page.locator("#id_to_error")).to_be_hidden()
        expect(page.locator("#id_to")).to_have_attribute("aria-invalid", "false")


def test_a_dashboard_that_refused_a_filter_takes_the_usual_one(teller_page, bank):
    page = teller_page
    page.goto("/dashboard/?kind=transfer")
    expect(page.locator("#id_kind_error")).to_be_visible()

    page.locator("#id_account").press("Enter")

    expect(page.locator("#id_kind_error")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/dashboard/\?range="))


def test_a_moment_yet_to_come_is_refused_in_place_at_its_field(teller_page, bank):
    page = teller_page
    page.goto("/transactions/")
    page.locator("[data-travel-fold] summary").click()

    page.fill("#id_as_of", "2999-01-01T00:00:00")
    page.keyboard.press("Enter")

    expect(page.locator("#id_as_of_error")).to_contain_text("Ce moment est encore à venir.")
    expect(page.locator("#id_as_of")).to_have_value("2999-01-01T00:00")
    expect(page.locator("[data-clear]")).to_be_visible()


def test_without_a_script_everything_still_works(page_of, bank):
    page = page_of(java_script_enabled=False)
    page.goto("/")
    page.fill("#id_login", "teller")
    page.fill("#id_password", "correct-horse-battery")
    page.click("button[type=submit]:has-text('Se connecter')")
    page.fill("#account", "C100")
    page.click("form.seek button")
    page.check("[value=deposit]", force=True)
    page.fill("#id_amount", "100")
    page.click("button[type=submit]:has-text('Soumettre')")
    expect(page.locator("#receipt")).to_contain_text("En file, pas encore comptabilisée.")

    conclude(bank)
    page.click("text=Recharger")

    expect(page.locator("#receipt")).to_contain_text("Comptabilisée")
    expect(page.locator(".balance .settled")).to_have_text("930,00 €")
    page.goto("/transactions/?kind=deposit")
    assert "+100,00" in page.content()


def test_the_database_behind_these_pages_is_a_file(bank):
    assert connection.vendor != "sqlite" or "memory" not in str(connection.settings_dict["NAME"])
