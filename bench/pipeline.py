"""A broker, its topics and a consumer of their own, in a folder that goes away with them.

Or a whole portal, and the browser that looks at it.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

PATIENCE_S = 120
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


@contextmanager
def temporary_portal() -> Iterator[None]:
    """Set Django up on a fresh folder with a migrated database and a running broker."""
    with temporary_folder(), running_broker():
        manage("create_topics")
        yield


@contextmanager
def temporary_folder() -> Iterator[None]:
    """Set Django up on a fresh folder with a migrated database."""
    with tempfile.TemporaryDirectory(prefix="bankportal-bench-") as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "bankportal.settings"}
        manage("migrate", "-v0")
        _set_up_django()
        yield


@contextmanager
def running_broker() -> Iterator[None]:
    """Keep the broker of the folder running; it serves when this gives control."""
    with running("run_broker"):
        wait_until(
            (Path(os.environ["DATA_DIR"]) / "kafka" / "endpoint.json").exists, "the broker serves"
        )
        yield


@contextmanager
def running_portal(password: str, *words: str) -> Iterator[tuple[str, Path]]:
    """Keep `python -m bankportal` running in a folder of its own; give its address, and that."""
    with tempfile.TemporaryDirectory(prefix="bankportal-bench-") as made:
        folder = Path(made)
        environment = os.environ | {
            "DATA_DIR": made,
            "DEMO_PASSWORD": password,
            "SUBMISSIONS_PER_MINUTE": "60000",
            "SECOND_FACTOR_ROLES": "none",
        }
        log = folder / "run.txt"
        with log.open("wb") as output:
            portal = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "bankportal", *words],
                cwd=ROOT,
                env=environment,
                stdout=output,
            )
        ready = re.compile(r"ready: (http://\S+?)/?\s")
        try:
            found = wait_until(
                lambda: ready.search(log.read_text(errors="replace")), "the portal is ready", 600
            )
            yield found[1], folder
        except SystemExit:
            print(log.read_text(errors="replace"))
            raise
        finally:
            portal.send_signal(signal.SIGINT)
            portal.wait(60)


def launched_chromium(playwright: "Playwright") -> "Browser":
    """Start this machine's browser, without errands of its own."""
    return playwright.chromium.launch(
        executable_path=next(filter(None, map(shutil.which, BROWSERS)), None),
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    )


def wait_until(what: Callable[[], Any], why: str, patience_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true, and give it; end with an error where it never is."""
    deadline = time.monotonic() + patience_s
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise SystemExit(f"Waited {patience_s} s in vain until {why}.")
        time.sleep(0.05)
    return answer


def manage(*arguments: str) -> None:
    """Run a management command to its end, quietly."""
    subprocess.run(_command(*arguments), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a management command running."""
    process = subprocess.Popen(  # noqa: S603
        _command(*arguments), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _set_up_django() -> None:
    import django

    django.setup()
