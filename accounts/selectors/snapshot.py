"""Several reads that see one and the same state of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic

Given = ParamSpec("Given")
Read = TypeVar("Read")

# What was read in the snapshot that is open; None outside.
_read: Final[ContextVar[dict[Any, Any] | None]] = ContextVar("read in the snapshot", default=None)


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
            with _remembering():
                yield
    else:
        with _deferred(connection), atomic(), _remembering():
            yield


def once_a_snapshot(read: Callable[Given, Read]) -> Callable[Given, Read]:
    """Let a function read once within each snapshot, where it would find the same again."""

    @wraps(read)
    def reading(*args: Given.args, **given: Given.kwargs) -> Read:
        known = _read.get()
        if known is None:
            return read(*args, **given)
        place = (read, args, tuple(given.items()))
        if place not in known:
            known[place] = read(*args, **given)
        return cast("Read", known[place])

    return reading


@contextmanager
def _remembering() -> Iterator[None]:
    outside = _read.set({})
    try:
        yield
    finally:
        _read.reset(outside)


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
