"""What commands about the ledger as a whole say when they cannot do it: one line, exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from accounts.database_troubles import said_plainly
from accounts.rebuild.on_sqlite import LedgerTableMissing
from accounts.rebuild.scratch import LedgerMoved
from streaming.archive import ArchiveUnusable
from streaming.backup import BackupRunning
from streaming.kafka.errors import KafkaUnusable
from streaming.kafka.reader import LogIncomplete, ReadFailed
from streaming.manifest import BackupUnusable
from streaming.occupancy import Occupied
from streaming.rebuilding import NothingToRebuild
from streaming.restoring import InUse, NotRestored
from streaming.sources import MessagesMissing

_SAID_AS_THEY_ARE = (
    ArchiveUnusable,
    BackupRunning,
    BackupUnusable,
    InUse,
    KafkaUnusable,
    LedgerMoved,
    LedgerTableMissing,
    MessagesMissing,
    NothingToRebuild,
    NotRestored,
    Occupied,
)


@contextmanager
def said_in_one_line() -> Iterator[None]:
    """Turn what stands in the way into one line with the remedy."""
    try:
        yield
    except DatabaseError as reason:
        raise CommandError(said_plainly(reason)) from reason
    except _SAID_AS_THEY_ARE as reason:
        raise CommandError(str(reason)) from reason
    except (LogIncomplete, ReadFailed) as reason:
        raise CommandError(
            f"Kafka does not give all of the log: {reason}. Read that part from a backup, with "
            "rebuild_ledger --archive, or bring the log back."
        ) from reason
    except OSError as reason:
        # Of a copy, the second is the one that does not fit.
        name = reason.filename2 or reason.filename
        where = f"{name}: " if name else ""
        raise CommandError(
            f"{where}{reason.strerror or reason}. Make room, or choose a folder that can be "
            "written to."
        ) from reason
