"""Several reads that see one and the same state of the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything within as of one moment, waiting for no writer and holding none up.

    For reads only, and short ones. Inside another transaction it is simply part of that.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with atomic():
            _execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with _deferred(connection), atomic():
            yield


@contextmanager
def _deferred(sqlite: BaseDatabaseWrapper) -> Iterator[None]:
    # The site's IMMEDIATE transactions queue behind whoever writes; a reader need not.
    sqlite.ensure_connection()
    usual = sqlite.transaction_mode  # type: ignore[attr-defined]
    sqlite.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        sqlite.transaction_mode = usual  # type: ignore[attr-defined]


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
