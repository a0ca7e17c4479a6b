"""A broker, its topics and a consumer of their own, in a folder that goes away with them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        _wait_for(Path(os.environ["DATA_DIR"]) / "kafka" / "endpoint.json")
        yield


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


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        if time.monotonic() > deadline:
            raise SystemExit("The broker did not start.")
        time.sleep(0.05)


def _set_up_django() -> None:
    import django

    django.setup()
