"""What commands say when the database cannot serve them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error as DatabaseError


@contextmanager
def said_in_a_line(exit_code: int = 1) -> Iterator[None]:
    """Turn an error of the database into one line with the remedy, and an exit code."""
    try:
        yield
    except DatabaseError as error:
        reason = " ".join(str(error).split())
        remedy = " Run manage.py migrate first." if _is_about_tables(reason) else ""
        text = f"The database cannot serve this: {reason}.{remedy}"
        raise CommandError(text, returncode=exit_code) from error


def _is_about_tables(reason: str) -> bool:
    return "no such table" in reason or "no such column" in reason or "does not exist" in reason
