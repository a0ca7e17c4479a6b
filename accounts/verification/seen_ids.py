"""The ids that the oracle has met: on disk, since there are as many as rows."""

import sqlite3
from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import UUID


class SeenIds(MutableMapping[UUID, bytes]):
    """A mapping in a temporary file that SQLite removes by itself. Close it."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;"
            "CREATE TABLE seen (id BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID; BEGIN"
        )

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def get(self, identifier: UUID, default: Any = None) -> Any:
        """Give the digest, or ``default``: asked for each message, so without an exception."""
        found = self._database.execute(
            "SELECT digest FROM seen WHERE id = ?", (identifier.bytes,)
        ).fetchone()
        return default if found is None else found[0]

    def __getitem__(self, identifier: UUID) -> bytes:
        found: bytes | None = self.get(identifier)
        if found is None:
            raise KeyError(identifier)
        return found

    def __setitem__(self, identifier: UUID, digest: bytes) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO seen VALUES (?, ?)", (identifier.bytes, digest)
        )

    def __delitem__(self, identifier: UUID) -> None:
        self._database.execute("DELETE FROM seen WHERE id = ?", (identifier.bytes,))

    def __iter__(self) -> Iterator[UUID]:
        return (UUID(bytes=row[0]) for row in self._database.execute("SELECT id FROM seen"))

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM seen").fetchone()[0])
