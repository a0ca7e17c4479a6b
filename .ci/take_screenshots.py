"""Take the README's screenshots: `make screenshots`, with the demonstration's data.

Runs `python -m bankportal --demo` in a folder of its own, signs in as its agents in Chromium, and
writes `docs/screenshots/*.png`. The pictures differ from run to run as the made-up history does:
it ends today.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "docs" / "screenshots"
PASSWORD = "a password for the pictures"  # noqa: S105 it opens nothing but this run
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# For the address, and for the made-up history.
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
    with running_demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, BROWSERS)), None),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
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


@contextmanager
def running_demo() -> Iterator[str]:
    """Run the demonstration for a while; give its address."""
    with tempfile.TemporaryDirectory(prefix="bankportal-shots-") as folder:
        environment = os.environ | {"DATA_DIR": folder, "DEMO_PASSWORD": PASSWORD}
        log = Path(folder) / "run.txt"
        with log.open("wb") as output:
            portal = subprocess.Popen(
                [sys.executable, "-m", "bankportal", "--demo"],
                cwd=ROOT,
                env=environment,
                stdout=output,
            )
        try:
            address = address_in(log)
            wait_until((Path(folder) / "demo-loaded").exists, "the history is loaded")
            yield address
        finally:
            portal.send_signal(signal.SIGINT)
            portal.wait(60)


def address_in(log: Path) -> str:
    """Wait until the portal prints its address."""
    ready = re.compile(r"ready: (http://\S+?)/?\s")
    found = wait_until(lambda: ready.search(log.read_text(errors="replace")), "the portal is ready")
    return found[1]


def wait_until(what: Callable[[], Any], why: str) -> Any:
    """Ask until the answer is true, and give it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise SystemExit(f"Waited {PATIENCE_S} s in vain until {why}.")
        time.sleep(0.1)
    return answer


if __name__ == "__main__":
    main()
