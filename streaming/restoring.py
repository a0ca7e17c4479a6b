"""Putting the database of a backup in place, and keeping the one that was there."""

import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.ledger.tables import LEDGER_TABLES, SCRATCH_PREFIX
from accounts.models import Act
from accounts.services.audit import Deed, about_file
from streaming.audit_carrying import append_to
from streaming.carrying_over import CarriedOver, carry_over
from streaming.database_copy import refuse_damaged
from streaming.manifest import BackupUnusable, Manifest, free_name, give_second_name, put_on_disk

_BESIDE: Final = ("-wal", "-shm")


class InUse(Exception):
    """Some program has the database open."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Some program has {path} open. End it (the sqlite3 shell, a backup, another command) "
            "and run this again. Nothing was changed."
        )


class NotRestored(Exception):
    """The copy could not be made what the ledger goes on from; the text says the way on."""

    def __init__(self, reason: sqlite3.Error, database: Path) -> None:
        super().__init__(
            f"The backup was not put in place, since what came after it cannot be carried over: "
            f"{reason}. Nothing was changed. Free some space on the disk that holds {database}, or "
            f"end what has it open, and run this again. To restore without what agents submitted "
            f"since the backup, move that file and those that begin with its name away first."
        )


@dataclass(frozen=True)
class Restored:
    """What was done: where the former database is, if there was one, and what came over from it.

    ``reason`` says why nothing could be carried over.
    """

    former: Path | None
    carried: CarriedOver | None
    reason: str = ""


def restore_database(folder: Path, database: Path) -> Restored:
    """Put the copy in the backup ``folder`` in place of SQLite's file ``database``.

    The caller keeps every other process out. The former database is kept beside, and what
    agents submitted and filed there since the backup is carried over. Positions begin a new
    epoch. A death at any moment leaves the one database or the other. Raises
    ``BackupUnusable``, ``InUse``, ``NotRestored`` and ``OSError``; nothing is changed then.
    """
    connection.close()
    manifest = Manifest.read(folder)
    manifest.check(folder)
    if manifest.database is None:
        raise BackupUnusable(f"{folder} holds no database: it is of a portal on PostgreSQL.")
    refuse_later_release(manifest, folder)
    database.parent.mkdir(parents=True, exist_ok=True)
    draft = database.with_name(f"{database.name}.restoring")
    # A journal that a killed restore left would be rolled back into the new copy.
    draft.with_name(f"{draft.name}-journal").unlink(missing_ok=True)
    try:
        shutil.copyfile(folder / manifest.database.name, draft)
        carried, reason = _prepare(draft, database)
        _record_restore(draft, folder, manifest, carried)
        put_on_disk(draft)
        former = _keep(database, is_readable=not reason) if database.exists() else None
        draft.replace(database)
    except BaseException as failure:
        draft.unlink(missing_ok=True)
        if isinstance(failure, sqlite3.Error):
            raise NotRestored(failure, database) from failure
        raise
    put_on_disk(database.parent)
    return Restored(former, carried, reason)


def refuse_later_release(manifest: Manifest, folder: Path) -> None:
    """Raise ``BackupUnusable`` where the copy has migrations that this release lacks."""
    known = {
        f"{app}.{name}"
        for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations or ()
    }
    ours = (name for name in manifest.migrations if name.startswith("accounts."))
    later = [name for name in ours if name not in known]
    if later:
        raise BackupUnusable(
            f"{folder} was made by a later release (migration {later[-1]}). Restore it with that."
        )


def _prepare(draft: Path, database: Path) -> tuple[CarriedOver | None, str]:
    """Make the copy what the ledger goes on from, with what only the present database knows."""
    copy = sqlite3.connect(draft.resolve().as_uri(), uri=True, isolation_level=None)
    try:
        refuse_damaged(copy, draft)
        for name in LEDGER_TABLES:
            # A rebuild ran while the backup was made.
            scratch = name.replace("accounts_", SCRATCH_PREFIX)
            copy.execute(f'DROP TABLE IF EXISTS "{scratch}"')
        now_ms = time.time_ns() // 1_000_000
        copy.execute("UPDATE accounts_log SET rebuilt_at_ms = ? WHERE is_current", [now_ms])
        if not database.exists():
            return None, "there was no database"
        try:
            return carry_over(database, copy), ""
        except sqlite3.Error as reason:
            # What cannot be written is no fault of the present database, nor lost by it.
            if _is_whole(database):
                raise
            return None, str(reason)
    finally:
        copy.close()


def _is_whole(database: Path) -> bool:
    """Tell whether SQLite can read all of a file."""
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as file:
            refuse_damaged(file, database)
    except BackupUnusable:
        return False
    except sqlite3.DatabaseError as reason:
        return "locked" in str(reason)
    return True


def _record_restore(
    draft: Path, folder: Path, manifest: Manifest, carried: CarriedOver | None
) -> None:
    after = {
        "backup": folder.name,
        "made_at": manifest.made_at,
        "submissions_carried": carried.submissions if carried else 0,
        "audit_records_carried": carried.audit_records if carried else 0,
    }
    with closing(sqlite3.connect(draft)) as copy, copy:
        append_to(copy, Deed(act=Act.RESTORE, about=about_file(folder.name), after=after))


def _keep(database: Path, *, is_readable: bool) -> Path:
    """Give the present database a second name, and let nothing of it stand beside the first.

    Where it cannot have one, nothing is changed.
    """
    if is_readable:
        _close_log_of(database)
    # Of one that is damaged. SQLite, had it opened that for writing, would throw its log away.
    named = [(database.with_name(database.name + each), each) for each in _BESIDE]
    beside = [(file, suffix) for file, suffix in named if file.exists()]
    now = datetime.now(UTC)
    former = free_name(
        database.with_name(f"{database.name}.before-restore-{now:%Y-%m-%dT%H-%M-%SZ}")
    )
    kept: list[Path] = []
    try:
        for file, suffix in (*beside, (database, "")):
            second = former.with_name(former.name + suffix)
            give_second_name(file, second)
            kept.append(second)
        put_on_disk(database.parent)
    except BaseException:
        for each in kept:
            each.unlink(missing_ok=True)
        raise
    # It would be played into the database that takes this one's place.
    for file, _suffix in beside:
        file.unlink()
    put_on_disk(database.parent)
    return former


def _close_log_of(database: Path) -> None:
    """Write SQLite's log into the file; raises ``InUse`` where somebody has it open."""
    with closing(sqlite3.connect(database, timeout=1)) as present:
        try:
            present.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as reason:
            if "locked" in str(reason):
                raise InUse(database) from reason
            raise
