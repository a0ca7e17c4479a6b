"""Whether the portal runs on a folder, for others than the run itself."""

from pathlib import Path

from bankportal.data_files import run_lock_path
from streaming.file_lock import holder_of


def running_process(data_dir: Path) -> int | None:
    """Give the process id of the portal that runs on ``data_dir``, or None."""
    holder = holder_of(run_lock_path(data_dir))
    return holder.pid if holder else None
