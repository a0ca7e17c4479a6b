"""The site's own files in ``DATA_DIR``, by name."""

from pathlib import Path


def run_lock_path(data_dir: Path) -> Path:
    """Give the file that the running portal keeps locked."""
    return data_dir / "run.lock"


def address_path(data_dir: Path) -> Path:
    """Give the file with the address of the run on ``data_dir``, or of the last one."""
    return data_dir / "address.txt"


def sign_in_path(data_dir: Path) -> Path:
    """Give the file that keeps how to sign in after a first start."""
    return data_dir / "sign-in.txt"


def history_due_path(data_dir: Path) -> Path:
    """Give the file that stands until the history has been imported, over restarts too."""
    return data_dir / "history-due"


def demo_loaded_path(data_dir: Path) -> Path:
    """Give the file that shows that the demonstration is loaded."""
    return data_dir / "demo-loaded"
