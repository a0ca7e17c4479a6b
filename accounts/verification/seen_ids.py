"""The ids that the oracle has met: on disk, since there are as many as rows."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

_ON_DISK: Final = "/var/tmp"  # noqa: S108 - where temporary files may be large, by the FHS


class NoRoomForIds(Exception):
    """The disk of the temporary file is full, or nothing can be written there.

    What was verified until then says nothing of the rest.
    """


class SeenIds(MutableMapping[UUID, bytes]):
    """A mapping in a temporary file, in TMPDIR or /var/tmp, that goes with this process. Close it.

    Where there is no room for it, what reads or writes raises ``NoRoomForIds``.
    """

    def __init__(self) -> None:
        # A file of SQLite's own would be in memory: the bundled one is built like that.
        try:
            number, name = tempfile.mkstemp(prefix="verified-", dir=folder_of_ids())
        except OSError as error:
            raise NoRoomForIds(error.strerror or str(error)) from error
        os.close(number)
        try:
            self._database = sqlite3.connect(name, isolation_level=None)
            self._database.executescript(
                "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;"
                "CREATE TABLE seen (id BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID; BEGIN"
            )
        except sqlite3.OperationalError as error:
            raise NoRoomForIds(str(error)) from error
        finally:
            # Open, it is there until it is closed, by whatever way this process ends. Without a
            # journal SQLite asks for its name no more.
            Path(name).unlink()

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def get(self, identifier: UUID, default: Any = None) -> Any:
        """Give the digest, or ``default``: asked for each message, so without an exception."""
        found = self._ask("SELECT digest FROM seen WHERE id = ?", (identifier.bytes,)).fetchone()
        return default if found is None else found[0]

    def __getitem__(self, identifier: UUID) -> bytes:
        found: bytes | None = self.get(identifier)
        if found is None:
            raise KeyError(identifier)
        return found

    def __setitem__(self, identifier: UUID, digest: bytes) -> None:
        self._ask("INSERT OR REPLACE INTO seen VALUES (?, ?)", (identifier.bytes, digest))

    def __delitem__(self, identifier: UUID) -> None:
        self._ask("DELETE FROM seen WHERE id = ?", (identifier.bytes,))

    def __iter__(self) -> Iterator[UUID]:
        return (UUID(bytes=row[0]) for row in self._ask("SELECT id FROM seen"))

    def __len__(self) -> int:
        return int(self._ask("SELECT count(*) FROM seen").fetchone()[0])

    def _ask(self, sql: str, values: tuple[bytes, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(sql, values)
        except sqlite3.OperationalError as error:
            raise NoRoomForIds(str(error)) from error


def folder_of_ids() -> str:
    """Give the folder of the temporary file: what TMPDIR names, there or not, or a usual one."""
    if named := os.environ.get("TMPDIR"):
        return named
    return _ON_DISK if os.access(_ON_DISK, os.W_OK) else tempfile.gettempdir()
