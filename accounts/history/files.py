"""Opening a history file: which of the two formats it is, and whether it can be read at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accounts.history.delimited import DelimitedHistory
from accounts.history.rows import HistoryFile, HistoryNotUsable
from accounts.history.sqlite import open_sqlite_history

SQLITE_MAGIC = b"SQLite format 3\x00"


@contextmanager
def open_history(path: Path, *, decimals: int) -> Iterator[HistoryFile]:
    """Open a history file of either format, for reading only.

    ``decimals`` are those of the currency. Raises ``HistoryNotUsable``. One process must
    not open its own SQLite database in this way: the look at its first bytes would drop
    the locks that SQLite holds on it.
    """
    try:
        is_sqlite = _begins_as_sqlite(path)
    except OSError as error:
        raise HistoryNotUsable(f"It cannot be read: {error.strerror or error}.") from error
    if is_sqlite:
        with open_sqlite_history(path, decimals=decimals) as history:
            yield history
    else:
        with path.open("rb") as file:
            yield DelimitedHistory(file, decimals=decimals)


def _begins_as_sqlite(path: Path) -> bool:
    if not path.exists():
        raise HistoryNotUsable("There is no such file.")
    if not path.is_file():
        raise HistoryNotUsable("It is not an ordinary file.")
    with path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
