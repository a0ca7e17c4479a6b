"""A consistent copy of the database beside whoever writes, and an archive of the log."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from django.db import connection

from accounts.ledger.messages import Delivered
from accounts.models import Log, LogPosition
from accounts.selectors.noted import note
from streaming.archive import ArchivedLog, Part, write_archive
from streaming.database_copy import Copied, copy_database, migrations_and_counts
from streaming.file_lock import LockedByAnother, held
from streaming.manifest import (
    FORMAT,
    VERSION,
    ArchiveOf,
    BackupUnusable,
    FileOf,
    LogOf,
    Manifest,
    Reached,
    free_name,
    give_second_name,
    put_on_disk,
)
from streaming.progress import Console, Progress
from streaming.sources import from_kafka

DATABASE_NAME: Final = "bankportal.sqlite3"
_PARTIAL: Final = ".partial-"


class BackupRunning(Exception):
    """Another backup into the same folder runs."""

    def __init__(self, folder: Path, holder: int) -> None:
        super().__init__(f"Another backup into {folder} runs (process {holder or 'unknown'}).")


def make_backup(folder: Path, *, console: Console, with_log: bool = True) -> tuple[Path, Manifest]:
    """Make a backup in a folder of its own below ``folder``; give that and what it consists of.

    It appears under its name once it is whole and on the disk; nothing of one that failed
    stays. Earlier backups are left as they are, and share the archives that they hold.
    Raises ``BackupRunning``, ``MessagesMissing`` where Kafka does not give the current log,
    ``OSError``, and errors of the database.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with held(folder / ".lock", wait_s=0):
            return _Backup(folder, console, with_log=with_log).make()
    except LockedByAnother as other:
        raise BackupRunning(folder, other.holder) from other


class _Backup:
    """One backup in the making."""

    def __init__(self, folder: Path, console: Console, *, with_log: bool) -> None:
        self._folder = folder
        self._console = console
        self._with_log = with_log
        self._now = datetime.now(UTC)
        self._partial = folder / f"{_PARTIAL}{os.getpid()}"

    def make(self) -> tuple[Path, Manifest]:
        # Whoever made these has died: we hold the lock.
        for left in self._folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left)
        try:
            self._partial.mkdir(mode=0o700)
            manifest = self._filled()
            manifest.write(self._partial)
            put_on_disk(self._partial)
            name = free_name(self._folder / f"{self._now:%Y-%m-%dT%H-%M-%SZ}")
            self._partial.rename(name)
        except BaseException:
            shutil.rmtree(self._partial, ignore_errors=True)
            raise
        put_on_disk(self._folder)
        return name, manifest

    def _filled(self) -> Manifest:
        if connection.vendor == "sqlite":
            copied = copy_database(self._partial / DATABASE_NAME)
            database = FileOf.at(self._partial / DATABASE_NAME)
        else:
            noted, database = note(), None
            copied = Copied(noted.logs, tuple(noted.positions.values()), *migrations_and_counts())
        return Manifest(
            format=FORMAT,
            version=VERSION,
            made_at=self._now.isoformat(timespec="seconds"),
            database=database,
            migrations=copied.migrations,
            counts=copied.counts,
            logs=[self._log(log, copied) for log in copied.logs],
            audit_anchor=copied.audit_anchor,
        )

    def _log(self, log: Log, copied: Copied) -> LogOf:
        positions = sorted(copied.positions_of(log), key=lambda at: at.partition)
        archived = ArchivedLog.of(log, positions)
        at = {each.partition: each.first_offset for each in positions}
        archives = self._shared(archived, at) if self._with_log else []
        missing = [
            Part(each.partition, at[each.partition], each.next_offset)
            for each in positions
            if at[each.partition] < each.next_offset
        ]
        if missing and self._with_log:
            added = self._archived(log, archived, missing)
            archives += added
            missing = [] if added else missing
        return LogOf(archived, [_reached(each) for each in positions], archives, not missing)

    def _shared(self, log: ArchivedLog, at: dict[int, int]) -> list[ArchiveOf]:
        """Take over what an earlier backup holds of ``log``, and move ``at`` to its end."""
        found = []
        for folder, archive in _earlier(self._folder, log):
            name = self._partial / archive.file.name
            if not name.exists():
                give_second_name(folder / archive.file.name, name)
            for part in archive.parts:
                if part.first <= at[part.partition]:
                    at[part.partition] = max(at[part.partition], part.end)
            found.append(archive)
        return found

    def _archived(self, log: Log, archived: ArchivedLog, parts: list[Part]) -> list[ArchiveOf]:
        """Archive ``parts`` of ``log`` from Kafka."""
        if not log.is_current:
            # Of an earlier log we keep what earlier backups have kept.
            return []
        messages = from_kafka(log, {part.partition: (part.first, part.end) for part in parts})
        path = self._name_for_archive(archived)
        progress = Progress(self._console, "Archived", sum(part.end - part.first for part in parts))
        count = write_archive(path, archived, parts, _watched(messages, progress))
        return [ArchiveOf(FileOf.at(path), count, parts)]

    def _name_for_archive(self, log: ArchivedLog) -> Path:
        number = 1
        while True:
            short = log.identity.fingerprint().hex()[:8]
            path = self._partial / f"log-{short}-{log.adopted_at_ms:x}-{number:04}.jsonl.gz"
            if not path.exists():
                return path
            number += 1


def _earlier(folder: Path, log: ArchivedLog) -> list[tuple[Path, ArchiveOf]]:
    """Give the archives of ``log`` in the backup that holds most of it, all as they were."""
    found = [
        (each, of.archives)
        for each in sorted(folder.iterdir(), reverse=True)
        for of in _logs_in(each)
        if of.archives and msgspec.structs.replace(of.log, number=log.number) == log
    ]
    # A folder may have been given any name. To see that files are as they were takes reading them.
    for each, archives in sorted(found, key=_messages_in, reverse=True):
        if all(one.file.is_in(each) for one in archives):
            return [(each, archive) for archive in archives]
    return []


def _logs_in(folder: Path) -> list[LogOf]:
    if folder.name.startswith(".") or not folder.is_dir():
        return []
    try:
        return Manifest.read(folder).logs
    except BackupUnusable:
        return []


def _messages_in(found: tuple[Path, list[ArchiveOf]]) -> int:
    return sum(archive.messages for archive in found[1])


def _watched(messages: Iterator[Delivered], progress: Progress) -> Iterator[Delivered]:
    for each in messages:
        progress.advance()
        yield each


def _reached(at: LogPosition) -> Reached:
    return Reached(at.partition, at.next_offset, bytes(at.link).hex())
