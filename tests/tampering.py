"""Changing rows behind the application's back, as somebody with the database's password can."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.ledger.append_only import creating, dropping


@contextmanager
def behind_the_back() -> Iterator[CursorWrapper]:
    """Take the triggers away, give a cursor, and put the triggers back as if nothing had been."""
    with connection.cursor() as cursor:
        # PostgreSQL alters no table that still has constraints to check.
        connection.check_constraints()
        for statement in dropping(connection):
            cursor.execute(statement)
        yield cursor
        connection.check_constraints()
        for statement in creating(connection):
            cursor.execute(statement)
