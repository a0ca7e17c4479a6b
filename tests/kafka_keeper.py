"""Runs the suite's one broker until no test process is left; started by ``kafka_fixtures``.

Each test process holds a shared lock, which the system frees at any death, also by
kill -9. So nothing has to be counted, and an interrupted run leaves no broker behind.
"""

import fcntl
import os
import sys
import threading
from pathlib import Path

from streaming.embedded.process import TetheredProcess

ROOT = Path(__file__).resolve().parent.parent


def keep(folder: Path) -> None:
    with (folder / "broker.txt").open("wb") as output:
        broker = TetheredProcess(
            [sys.executable, str(ROOT / "manage.py"), "run_broker"],
            folder=ROOT,
            environment=os.environ,
            output=output,
        )
    # If it ends by itself, those who wait for it must hear of it.
    threading.Thread(target=_note_end, args=(broker, folder), daemon=True).start()
    with (folder / "users.lock").open("wb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        broker.end(grace_s=30)


def _note_end(broker: TetheredProcess, folder: Path) -> None:
    (folder / "ended.txt").write_text(str(broker.wait()))


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
