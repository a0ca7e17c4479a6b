"""The dashboard behind a line that is cut, stalls and lags: each row stands there once."""

import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.browser.bad_line import BadLine
from tests.browser.dashboards import BADGE, LIVE_ROWS, balance, chart, counts, figure
from tests.browser.web_portal import WebPortal
from tests.faults.seeds import Chances
from tests.processes import wait_until

# A frame never has more rows than the table, so each of them must have stood in it.
MOST_AT_ONCE = 8
ROUNDS = 10
LONGER_THAN_THE_WATCHDOG_MS = 13_000

# Every row that is put into the table or taken out, and what the badge said at that moment.
NOTE_ROWS = """() => {
    window.noted = { shown: [], disordered: [], dishonest: 0 };
    window.interruptions = 0;
    const { dataset } = document.documentElement;
    let before = dataset.live;
    new MutationObserver(() => {
        if (before === "live" && dataset.live !== "live") interruptions += 1;
        before = dataset.live;
    }).observe(document.documentElement, { attributeFilter: ["data-live"] });
    const body = document.querySelector("[data-panel=live] tbody");
    new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
            for (const row of addedNodes) noted.shown.push(row.dataset.transaction);
        const ids = [...body.children].map((row) => row.dataset.transaction);
        // Ids begin with the time that they were made at.
        if (ids.join() !== [...new Set(ids)].sort().reverse().join()) noted.disordered.push(ids);
        if (dataset.live !== "live") noted.dishonest += 1;
    }).observe(body, { childList: true });
}"""


@pytest.fixture
def portal(chromium, staffed_database: Path, tmp_path) -> Iterator[WebPortal]:
    web = WebPortal(tmp_path, staffed_database)
    web.post('ledger.post(opened(account="C100"), opened(account="C200"), submitted(50_000))')
    web.serve()
    yield web
    web.close()


def posted(portal: WebPortal) -> list[str]:
    """Give what the process has posted, in the ledger's order."""
    found = portal.query(
        "SELECT transaction_id FROM accounts_entry"
        " WHERE amount_minor BETWEEN 100 AND 200 ORDER BY id"
    )
    return [str(UUID(bytes=each)) for (each,) in found]


def seen(page: Page) -> dict[str, object]:
    """Give what the page shows of the ledger."""
    return {
        "bars": chart(page, "bars"),
        "counts": counts(page),
        "line": [each["y"] for line in chart(page, "balance") for each in line["data"][1:-1]],
        "balance": balance(page, "C100").inner_text(),
        "figures": [
            figure(page, name).inner_text() for name in ("transactions", "net_minor", "today")
        ],
        "rows": page.locator(LIVE_ROWS).all_inner_texts(),
    }


FAULTS = ("cut", "refused", "stalled", "asleep", "lagging")


def test_each_row_stands_in_the_table_once_whatever_befalls_the_line(opened_by, portal):
    """Guard: positions move on, and what was seen is known. Without them rows stand there twice."""
    chance = Chances.drawn()

    with closing(BadLine(portal.url, chance)) as line, portal.post_on_demand() as poster:
        page = opened_by("auditor", f"{line.url}/dashboard/?range=all")
        page.clock.install()
        page.evaluate(NOTE_ROWS)
        due = 0
        for fault in chance.sample(FAULTS * 3, ROUNDS):
            number = chance.randint(2, MOST_AT_ONCE)
            poster.stdin.write(f"{number}\n".encode())
            poster.stdin.flush()
            due += number
            befall(page, line, fault, chance)
            if fault == "asleep":
                # The socket was given up; what it held up arrives after what the new one brought.
                wait_until(partial(has_all, page, portal, due), "the new socket has told all")
            line.mend()
            wait_until(partial(has_all, page, portal, due), f"{fault} is made up for")
            expect(page.locator(BADGE)).to_contain_text("En direct")

        ledger = posted(portal)
        noted = page.evaluate("noted")
        assert sorted(noted.pop("shown")) == ledger
        assert noted == {"disordered": [], "dishonest": 0}
        assert page.evaluate("heard") == ledger
        assert line.sockets > ROUNDS // 3
        beside = opened_by("auditor", "/dashboard/?range=all")

        def is_as_the_server_has_it() -> bool:
            # Read anew each time: over midnight the day that is shown as today is another one.
            beside.reload()
            return seen(page) == seen(beside)

        wait_until(is_as_the_server_has_it, "charts and figures are as the server has them")


def befall(page: Page, line: BadLine, fault: str, chance: Chances) -> None:
    """Let the fault begin at some moment while rows are told."""
    before = page.evaluate("interruptions")
    if fault == "lagging":
        line.lag(0.2)
    if fault in {"stalled", "asleep"}:
        line.stall()
    page.wait_for_timeout(chance.randint(0, 300))
    if fault in {"cut", "refused"}:
        line.cut(refuse=fault == "refused")
    if fault == "asleep":
        page.clock.fast_forward(LONGER_THAN_THE_WATCHDOG_MS)
    if fault == "refused":
        # On a busy machine it may have been silent for so long that it says since when instead.
        expect(page.locator(BADGE)).to_contain_text(re.compile("Reconnexion|Périmé depuis"))
    if fault in {"cut", "refused", "asleep"}:
        # However soon the next socket is there, the badge did not say live in between.
        wait_until(lambda: page.evaluate("interruptions") > before, "the badge has told of it")


def has_all(page: Page, portal: WebPortal, number: int) -> bool:
    """Tell whether so many are posted, and the last one stands above all others."""
    ledger = posted(portal)
    first = page.locator(LIVE_ROWS).first.get_attribute("data-transaction")
    return len(ledger) == number and first == ledger[-1]
