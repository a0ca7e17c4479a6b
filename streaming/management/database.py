"""What commands say when the database cannot serve them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from accounts.database_troubles import passes, said_plainly
from streaming.stopping import EXIT_TRY_AGAIN


@contextmanager
def said_in_a_line(exit_code: int = 1) -> Iterator[None]:
    """Turn an error of the database into one line with the remedy, and an exit code.

    ``exit_code`` where somebody has to put something right, 75 where waiting is enough.
    """
    try:
        yield
    except DatabaseError as error:
        code = EXIT_TRY_AGAIN if passes(error) else exit_code
        raise CommandError(said_plainly(error), returncode=code) from error
