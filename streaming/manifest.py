"""What a backup consists of, written last and read first."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final, Self

import msgspec

from streaming.archive import ArchivedLog, Part

FORMAT: Final = "bankportal backup"
VERSION: Final = 1
NAME: Final = "manifest.json"


class BackupUnusable(Exception):
    """The folder is no backup, or not a whole one; the text is one line."""


class FileOf(msgspec.Struct, frozen=True):
    """A file of the backup, and how to tell that it is as it was."""

    name: str
    size: int
    sha256: str

    @classmethod
    def at(cls, path: Path) -> Self:
        """Describe the file at ``path``."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.name, path.stat().st_size, digest)

    def is_in(self, folder: Path) -> bool:
        """Say whether ``folder`` has the file as it was described."""
        try:
            return FileOf.at(folder / self.name) == self
        except OSError:
            return False


class ArchiveOf(msgspec.Struct, frozen=True):
    """One archive: a part of a log."""

    file: FileOf
    messages: int
    parts: list[Part]


class Reached(msgspec.Struct, frozen=True):
    """How far the ledger in the copy had concluded a partition; the link in hexadecimal."""

    partition: int
    next_offset: int
    link: str


class LogOf(msgspec.Struct, frozen=True):
    """A log of the ledger, and the archives that hold it.

    ``is_whole`` says whether they do up to what the copy's ledger has concluded.
    """

    log: ArchivedLog
    reached: list[Reached]
    archives: list[ArchiveOf]
    is_whole: bool


class Manifest(msgspec.Struct, frozen=True):
    """All of a backup. ``database`` is None where the bank backs it up by other means.

    ``audit_anchor`` is the end of the audit log, as ``verify_audit --anchor`` takes it.
    """

    format: str
    version: int
    made_at: str
    database: FileOf | None
    migrations: list[str]
    counts: dict[str, int]
    logs: list[LogOf]
    audit_anchor: str = ""

    @property
    def archives(self) -> list[ArchiveOf]:
        """Every archive, in the order of the logs."""
        return [archive for log in self.logs for archive in log.archives]

    @property
    def files(self) -> list[FileOf]:
        """Every file besides the manifest."""
        archives = [archive.file for archive in self.archives]
        return archives if self.database is None else [self.database, *archives]

    def write(self, folder: Path) -> None:
        """Write it into ``folder``, down to the disk."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=1)
        path = folder / NAME
        path.write_bytes(text + b"\n")
        put_on_disk(path)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read that of ``folder``; raises ``BackupUnusable``."""
        try:
            found = msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest)
        except OSError as reason:
            raise BackupUnusable(f"{folder} is no backup: {reason}.") from reason
        except msgspec.DecodeError as reason:
            raise BackupUnusable(f"{folder / NAME} is damaged: {reason}.") from reason
        if (found.format, found.version) != (FORMAT, VERSION):
            raise BackupUnusable(f"{folder / NAME} is of another form than this release reads.")
        if any(Path(each.name).name != each.name for each in found.files):
            raise BackupUnusable(f"{folder / NAME} names a file outside of its folder.")
        return found

    def check(self, folder: Path) -> None:
        """Raise ``BackupUnusable``, naming the first file that is not as it was."""
        for each in self.files:
            if not each.is_in(folder):
                raise BackupUnusable(
                    f"{folder / each.name} is missing or damaged: its SHA-256 is not the one in "
                    "the manifest. Nothing was changed. Use another backup."
                )


def put_on_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_name(path: Path) -> Path:
    """Give ``path``, or the first with a number at its end that nothing has."""
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def give_second_name(file: Path, name: Path) -> None:
    """Have ``file`` stand under ``name`` as well, or its copy where the disk knows no such thing.

    Raises ``OSError``; nothing is left under ``name`` then that was not there before.
    """
    try:
        os.link(file, name)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        try:
            shutil.copy2(file, name)
            put_on_disk(name)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
