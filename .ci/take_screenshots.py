"""Take the README's screenshots: `make screenshots`, with the demonstration's data.

Runs `python -m bankportal --demo` in a folder of its own, signs in as its agents in Chromium, and
writes `docs/screenshots/*.png`. The pictures differ from run to run as the made-up history does:
it ends today.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.pipeline import ROOT, launched_chromium, running_portal, wait_until

PLACE = ROOT / "docs" / "screenshots"
PASSWORD = "a password for the pictures"  # noqa: S105 it opens nothing but this run
# For the made-up history.
PATIENCE_S = 600


@dataclass(frozen=True)
class Shot:
    """One picture: who looks at it, on how large a screen, and how to come to what it shows."""

    name: str
    agent: str
    size: tuple[int, int]
    language: str
    theme: str
    show: Callable[[Page], None]


def dashboard(page: Page) -> None:
    """Open the dashboard, and wait until it is live."""
    page.goto("/dashboard/")
    expect(page.locator("[data-live-word]")).to_have_text(re.compile("Live|En direct"))
    page.wait_for_load_state("networkidle")


def account(page: Page) -> None:
    """Open an account with much history, and begin a deposit."""
    page.goto("/accounts/C1001/")
    page.locator("input[name=kind][value=deposit]").check()
    page.fill("input[name=amount]", "120,50")


def receipt(page: Page) -> None:
    """Submit that deposit, and wait until it is posted."""
    account(page)
    page.locator("[data-slip] button[type=submit]").click()
    page.wait_for_url(re.compile(r"\?receipt="))
    page.goto(f"/transactions/{page.url.rpartition('=')[2]}/")
    expect(page.locator(".settled").first).to_be_visible()


SHOTS = (
    Shot("dashboard", "supervisor", (1440, 1480), "en", "light", dashboard),
    Shot("dashboard-dark", "supervisor", (1440, 1480), "fr", "dark", dashboard),
    Shot("account", "teller", (1440, 900), "en", "light", account),
    Shot("receipt", "teller", (1440, 900), "fr", "light", receipt),
    Shot("phone", "teller", (320, 900), "fr", "light", account),
)


def main() -> None:
    """Take all pictures, or those named on the command line."""
    wanted = [shot for shot in SHOTS if not sys.argv[1:] or shot.name in sys.argv[1:]]
    PLACE.mkdir(exist_ok=True)
    with running_portal(PASSWORD, "--demo") as (address, folder), sync_playwright() as playwright:
        wait_until((folder / "demo-loaded").exists, "the history is loaded", PATIENCE_S)
        browser = launched_chromium(playwright)
        for shot in wanted:
            take(browser, address, shot)
            print(PLACE.relative_to(ROOT) / f"{shot.name}.png")
        browser.close()


def take(browser: Browser, address: str, shot: Shot) -> None:
    """Take one picture, as somebody who has just signed in."""
    context = browser.new_context(
        base_url=address,
        viewport={"width": shot.size[0], "height": shot.size[1]},
        color_scheme=shot.theme,
        reduced_motion="reduce",
    )
    context.add_cookies([{"name": "django_language", "value": shot.language, "url": address}])
    page = context.new_page()
    page.goto("/auth/login/")
    page.fill("input[name=login]", shot.agent)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/auth/" not in url)
    shot.show(page)
    page.screenshot(path=PLACE / f"{shot.name}.png", animations="disabled")
    context.close()


if __name__ == "__main__":
    main()
