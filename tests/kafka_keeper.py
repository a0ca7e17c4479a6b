"""Runs the suite's one broker until no test process is left; started by ``kafka_fixtures``.

Each test process holds a shared lock, which the system frees at any death, also by
kill -9. So nothing has to be counted, and an interrupted run leaves no broker behind.
"""

import fcntl
import os
import sys
import threading
import time
from pathlib import Path

from streaming.embedded.process import TetheredProcess
from streaming.endpoint import running_endpoint
from tests.kafka_classes import make_archive, with_classes

ROOT = Path(__file__).resolve().parent.parent


def keep(folder: Path) -> None:
    broker = _start_broker(folder / "data", folder / "broker.txt", with_classes())
    # If it ends by itself, those who wait for it must hear of it.
    threading.Thread(target=_note_end, args=(broker, folder), daemon=True).start()
    threading.Thread(target=_make_archive, args=(broker, folder), daemon=True).start()
    with (folder / "users.lock").open("wb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        broker.end(grace_s=30)


def _start_broker(data_dir: Path, output: Path, java: dict[str, str]) -> TetheredProcess:
    data_dir.mkdir(exist_ok=True)
    with output.open("wb") as printed:
        return TetheredProcess(
            [sys.executable, str(ROOT / "manage.py"), "run_broker"],
            folder=ROOT,
            environment=os.environ | {"DATA_DIR": str(data_dir)} | java,
            output=printed,
        )


def _make_archive(shared: TetheredProcess, folder: Path) -> None:
    """Make the archive of classes for the brokers of tests, once the shared one has the jars."""

    def run_a_while(java: dict[str, str]) -> None:
        broker = _start_broker(folder / "seen", folder / "seen.txt", java)
        _wait_until_it_serves(broker, folder / "seen")
        broker.end(grace_s=30)

    if _wait_until_it_serves(shared, folder / "data"):
        make_archive(Path(os.environ["XDG_CACHE_HOME"]) / "bankportal", run_a_while)


def _wait_until_it_serves(broker: TetheredProcess, data_dir: Path) -> bool:
    while running_endpoint(data_dir) is None:
        if not broker.is_running():
            return False
        time.sleep(0.1)
    return True


def _note_end(broker: TetheredProcess, folder: Path) -> None:
    (folder / "ended.txt").write_text(str(broker.wait()))


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
