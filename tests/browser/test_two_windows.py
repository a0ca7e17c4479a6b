"""The whole way: a form in one browser, Kafka, the ledger, the dashboard in another browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dashboards import LIVE_ROWS, balance, chart, counts, figure
from tests.browser.test_teller import is_untouched, mark, text_of
from tests.browser.web_portal import WebPortal
from tests.processes import ROOT, wait_until

HISTORY = ROOT / "data" / "client_transactions.csv"


@pytest.fixture
def portal(chromium, kafka, staffed_database, tmp_path) -> Iterator[WebPortal]:
    """A portal with every process of its own, and the history posted."""
    web = WebPortal(tmp_path, staffed_database, kafka.bootstrap_servers)
    web.create_topics()
    web.start("run_consumer")
    web.start("run_relay")
    web.manage("import_transactions", str(HISTORY))
    wait_until(lambda: web.balance("C200") == 230_000, "the history is posted")
    web.serve()
    yield web
    web.close()


def pay_in(page: Page, amount: str) -> None:
    """Submit a deposit on the page of an account."""
    page.locator("[value=deposit]").check()
    page.fill("#id_amount", amount)
    page.keyboard.press("Enter")


def test_a_deposit_in_one_window_moves_everything_in_another(opened_by, portal):
    dashboard = opened_by("supervisor")
    teller = opened_by("teller", "/accounts/C100/")
    expect(balance(dashboard, "C100")).to_have_text("830,00")
    expect(figure(dashboard, "transactions")).to_have_text("5")
    before = {name: chart(dashboard, name) for name in ("balance", "bars", "heat")}
    mark(dashboard)

    pay_in(teller, "100,00")

    row = dashboard.locator(LIVE_ROWS).first
    expect(row.locator("[data-slot=amount]")).to_have_text("+100,00")
    expect(row.locator("[data-slot=balance]")).to_have_text("930,00")
    expect(balance(dashboard, "C100")).to_have_text("930,00")
    expect(figure(dashboard, "transactions")).to_have_text("6")
    [line] = [each for each in chart(dashboard, "balance") if each["label"] == "C100"]
    assert [point["y"] for point in line["data"][1:-1]] == [100_000, 97_500, 83_000, 93_000]
    assert chart(dashboard, "bars")[0]["data"] == [250_000, 110_000]
    assert counts(dashboard)["C100", "deposits"] == 2
    assert all(chart(dashboard, name) != shown for name, shown in before.items())
    assert dashboard.evaluate("heard.length") == 1
    assert is_untouched(dashboard)
    expect(teller.locator("[data-receipt]")).to_have_attribute("data-receipt", "posted")
    assert text_of(teller.locator(".balance .settled")) == "930,00 €"


def test_what_is_paid_in_while_the_dashboard_is_away_is_there_once_it_is_back(opened_by, portal):
    dashboard = opened_by("supervisor")
    teller = opened_by("teller", "/accounts/C100/")
    mark(dashboard)
    # As when the network is gone: what is open is cut, and nothing opens again.
    dashboard.evaluate("window.sockets.at(-1).close(); window.isCut = true")
    badge = dashboard.locator("[data-live-badge]")
    expect(badge).to_contain_text(re.compile("Reconnexion|Périmé depuis"))

    pay_in(teller, "10,00")
    expect(teller.locator("[data-receipt]")).to_have_attribute("data-receipt", "posted")
    expect(balance(dashboard, "C100")).to_have_text("830,00")
    dashboard.evaluate("window.isCut = false")

    # Between two attempts there may be twelve seconds.
    expect(badge).to_contain_text("En direct", timeout=30_000)
    expect(balance(dashboard, "C100")).to_have_text("840,00")
    teller.goto("/accounts/C100/")
    pay_in(teller, "20,00")
    expect(balance(dashboard, "C100")).to_have_text("860,00")
    shown = [text_of(each) for each in dashboard.locator(f"{LIVE_ROWS} [data-slot=amount]").all()]
    assert shown[:2] == ["+20,00", "+10,00"]
    heard = dashboard.evaluate("heard")
    assert len(heard) == len(set(heard)) == 2
    assert is_untouched(dashboard)
