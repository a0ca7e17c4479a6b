"""From an agent's POST to the row on another browser's dashboard, through the whole portal.

Runs `python -m bankportal` in a folder of its own, with two Chromium windows. `COUNT` in the
environment changes the number of deposits. They come one after the other with a rest between,
since a page is told at most four times a second.
"""

import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser, Page, sync_playwright

from bench.pipeline import launched_chromium, running_portal

COUNT = int(os.environ.get("COUNT", "200"))
REST_S = 0.3
PASSWORD = "a password for one bench"  # noqa: S105 it opens nothing but this run

# Notes when each of the bench's amounts first stands in the table of newest transactions.
WATCH = """() => {
    window.seen = {};
    const table = document.querySelector("table.table--live") ?? document.body;
    const look = () => {
        for (const [found] of table.textContent.matchAll(/\\+7\\d\\d,\\d\\d/g)) {
            window.seen[found] ??= performance.timeOrigin + performance.now();
        }
    };
    const all = {childList: true, subtree: true, characterData: true};
    new MutationObserver(look).observe(table, all);
}"""
SUBMIT = """async (amount) => {
    const page = await (await fetch("/accounts/C100/")).text();
    const form = new DOMParser().parseFromString(page, "text/html")
        .querySelector("form[action='/transactions/new/']");
    const fields = new FormData(form);
    fields.set("kind", "deposit");
    fields.set("amount", amount);
    const sent = performance.timeOrigin + performance.now();
    const answer = await fetch("/transactions/new/", {method: "POST", body: fields});
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return sent;
}"""


def main() -> None:
    """Print the median and the 95th percentile."""
    with running_portal(PASSWORD) as (address, _folder):
        delays_ms = measure(address)
    delays_ms.sort()
    print(f"{'deposits':>24} {len(delays_ms):12,}")
    print(f"{'POST to row, median':>24} {statistics.median(delays_ms):12.1f} ms")
    print(f"{'95th percentile':>24} {delays_ms[int(len(delays_ms) * 0.95)]:12.1f} ms")


def measure(address: str) -> list[float]:
    """Submit deposits in one window while another watches; give the delays in ms."""
    with sync_playwright() as playwright:
        browser = launched_chromium(playwright)
        watcher = signed_in(browser, address, "supervisor", "/dashboard/")
        teller = signed_in(browser, address, "teller", "/accounts/C100/")
        watcher.evaluate(WATCH)
        delays = [delay_of(teller, watcher, f"7{n // 100:02},{n % 100:02}") for n in range(COUNT)]
        browser.close()
    return delays


def signed_in(browser: Browser, address: str, name: str, path: str) -> Page:
    """Give a window of its own, signed in and at ``path``."""
    page = browser.new_context(locale="fr-FR").new_page()
    page.goto(address + "/auth/login/?next=" + path)
    page.fill("[name=login]", name)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**" + path + "**")
    page.wait_for_load_state("networkidle")
    return page


def delay_of(teller: Page, watcher: Page, amount: str) -> float:
    """Submit one deposit and give the milliseconds until the other window shows it."""
    sent = teller.evaluate(SUBMIT, amount)
    mark = f"+{amount}"
    watcher.wait_for_function("mark => window.seen[mark]", arg=mark, polling=20)
    time.sleep(REST_S)
    return float(watcher.evaluate("mark => window.seen[mark]", mark) - sent)


if __name__ == "__main__":
    main()
