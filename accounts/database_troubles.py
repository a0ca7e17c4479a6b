"""What a database says when it cannot serve, what to do about it, and whether it can pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection

if TYPE_CHECKING:
    from django.db.models import QuerySet

_Row = TypeVar("_Row")

# For ``except``: what a database raises that is full, locked or away, and seldom anything else.
CANNOT_SERVE: Final = (OperationalError, InterfaceError)


def streamed(rows: "QuerySet[Any, _Row]", chunk_size: int = 2_000) -> Iterator[_Row]:
    """Give ``rows`` as they come, so many at a time, and Django's errors whenever they fail.

    Its own ``iterator`` lets the driver's pass where a connection was cut before the last word.
    """
    with connection.wrap_database_errors:
        yield from rows.iterator(chunk_size=chunk_size)


@dataclass(frozen=True)
class Trouble:
    """A known trouble. One that ``passes`` is over once somebody else has done something."""

    sign: str
    remedy: str
    passes: bool = True


_FREE_SPACE = "Free some space on the disk that holds DATA_DIR"
_OF_SQLITE = (
    Trouble("database or disk is full", f"{_FREE_SPACE}."),
    Trouble("disk i/o error", f"{_FREE_SPACE}, and check the disk."),
    Trouble("is locked", "Another program holds the database: end it, or wait, and try again."),
    Trouble(
        "unable to open database file",
        "Make DATA_DIR writable, or set DATA_DIR to another folder.",
        passes=False,
    ),
    Trouble("readonly database", "Make DATA_DIR and the files in it writable.", passes=False),
    Trouble(
        "not a database",
        "It is damaged or something else: restore it from a backup.",
        passes=False,
    ),
    Trouble("malformed", "It is damaged: restore it from a backup.", passes=False),
)
_OF_POSTGRESQL = (
    # Before what else names a role or a database, since that is for somebody to correct.
    *(
        Trouble(sign, "Wait, or raise max_connections or the CONNECTION LIMIT that it names.")
        for sign in ("too many connections for", "too many clients", "connection slots are")
    ),
    *(
        Trouble(sign, "Correct DATABASE_URL, or what PostgreSQL allows.", passes=False)
        for sign in ("authentication failed", "no password", "pg_hba.conf", 'database "', 'role "')
    ),
    Trouble(
        "invalid connection option",
        "Correct the options at the end of DATABASE_URL.",
        passes=False,
    ),
    Trouble("connection is bad: invalid", "Correct DATABASE_URL.", passes=False),
    Trouble("no space left", "Free some space on PostgreSQL's disk."),
    Trouble(
        "statement timeout",
        "Others hold what it needs: wait; or raise statement_timeout of the portal's roles.",
    ),
    Trouble(
        # Also of one that was idle in it meanwhile.
        "transaction timeout",
        "Raise transaction_timeout and idle_in_transaction_session_timeout of the portal's roles.",
    ),
    Trouble("canceling statement", "Others hold what it needs: wait, and try again."),
    Trouble("deadlock", "Others hold what it needs: wait, and try again."),
)
_TO_MIGRATE = tuple(
    Trouble(sign, "Bring the database up to date with: manage.py migrate.", passes=False)
    for sign in ("no such table", "no such column", 'relation "', 'column "')
)
_AWAY = Trouble("", "See that PostgreSQL runs and takes writes, and DATABASE_URL names it.")


def trouble_of(error: BaseException | None) -> Trouble | None:
    """Give the known trouble that the database reports, or None for an error that is none."""
    if not isinstance(error, DatabaseError):
        return None
    text = _reported(error).lower()
    is_sqlite = connection.vendor == "sqlite"
    known = _OF_SQLITE if is_sqlite else _OF_POSTGRESQL
    for trouble in (*known, *_TO_MIGRATE):
        if trouble.sign in text:
            return trouble
    return _AWAY if isinstance(error, CANNOT_SERVE) and not is_sqlite else None


def _reported(error: BaseException) -> str:
    """Give what the database reports, without where it was at: that names tables that are there."""
    cause: BaseException | None = error
    while cause is not None:
        # Only the driver's own error tells the two apart, and only where the server said it.
        report = getattr(getattr(cause, "diag", None), "message_primary", None)
        if report:
            return str(report)
        cause = cause.__cause__
    return str(error)


def passes(error: BaseException | None) -> bool:
    """Say whether to wait and try again is enough, such as with a lock or a full disk."""
    trouble = trouble_of(error)
    return trouble is not None and trouble.passes


def said_plainly(error: DatabaseError) -> str:
    """Give one line with what the database says and, where it is known, the remedy."""
    text = " ".join(str(error).split()).rstrip(".")
    trouble = trouble_of(error)
    return f"The database cannot be used: {text}. {trouble.remedy if trouble else ''}".rstrip()
