"""Keeping everybody out of the ledger while it is replaced as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from bankportal.data_files import run_lock_path
from streaming.file_lock import LockedByAnother, held
from streaming.occupancy import Occupied, alone


@contextmanager
def alone_with_the_ledger() -> Iterator[None]:
    """Let no portal start on ``DATA_DIR``, and no process that works with the ledger.

    Raises ``Occupied``, naming what runs.
    """
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    try:
        with held(run_lock_path(settings.DATA_DIR), wait_s=0), alone():
            yield
    except LockedByAnother as run:
        raise Occupied(
            f"The portal runs on {settings.DATA_DIR} (process {run.holder or 'unknown'}). Stop it "
            "with Ctrl-C where it runs, and run this again."
        ) from run
