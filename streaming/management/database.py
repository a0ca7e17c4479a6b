"""What commands say when the database cannot serve them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error as DatabaseError


@contextmanager
def said_in_a_line() -> Iterator[None]:
    """Turn an error of the database into one line with the remedy, and exit code 1."""
    try:
        yield
    except DatabaseError as error:
        reason = " ".join(str(error).split())
        remedy = " Run manage.py migrate first." if _is_about_tables(reason) else ""
        raise CommandError(f"The database cannot serve this: {reason}.{remedy}") from error


def _is_about_tables(reason: str) -> bool:
    return "no such table" in reason or "no such column" in reason or "does not exist" in reason
