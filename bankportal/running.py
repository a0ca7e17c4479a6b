"""Whether the portal runs on a folder, for others than the run itself."""

from pathlib import Path

from bankportal.data_files import run_lock_path
from streaming.embedded.file_lock import LockedByAnother, held


def running_process(data_dir: Path) -> int | None:
    """Give the process id of the portal that runs on ``data_dir``, or None."""
    lock = run_lock_path(data_dir)
    if not lock.exists():
        return None
    try:
        with held(lock, wait_s=0):
            return None
    except LockedByAnother as running:
        return running.holder
