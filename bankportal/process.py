"""How every process of the portal begins, and how it says that it cannot go on."""

import errno
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import NoReturn, TypeGuard

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError

from accounts import database_troubles
from bankportal.leash import follow_supervisor
from streaming.stopping import EXIT_TRY_AGAIN

# What sysexits.h calls EX_CONFIG: somebody has to change something first.
EXIT_REFUSED = 78

# What is written below DATA_DIR tells of customers, and is for its owner alone.
PRIVATE_UMASK = 0o077

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_REMEDIES = {
    errno.EACCES: "Make it accessible, or set DATA_DIR to another folder.",
    errno.EPERM: "Make it accessible, or set DATA_DIR to another folder.",
    errno.EROFS: "Make it writable, or set DATA_DIR to another folder.",
}


class Refused(Exception):
    """The portal will not start like this; the text is one line with the remedy."""


def run_process(main: Callable[[], int | None]) -> NoReturn:
    """Run ``main`` on the supervisor's leash, and exit with its code.

    What its user can put right is told in one line instead of a traceback: exit code 75
    where the same start may succeed later, 78 where somebody has to change something.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
    os.umask(PRIVATE_UMASK)
    if isinstance(sys.stdout, TextIOWrapper):
        # What a terminal's encoding lacks, as in a customer's name, is no reason to die of.
        sys.stdout.reconfigure(errors="backslashreplace")
    follow_supervisor()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        line = in_plain_words(error)
        if line is None:
            raise
        print(line, file=sys.stderr)
        sys.exit(EXIT_TRY_AGAIN if passes(error) else EXIT_REFUSED)


def in_plain_words(error: BaseException) -> str | None:
    """Give one line with cause and remedy, or None for an error that is not its user's."""
    if isinstance(error, ImproperlyConfigured | Refused):
        return " ".join(str(error).split())
    if isinstance(error, DatabaseError):
        return database_troubles.said_plainly(error) if _is_known(error) else None
    if _is_full_disk(error):
        return _about_full_disk(error)
    if isinstance(error, OSError) and error.filename and error.errno in _REMEDIES:
        return f"{error.filename}: {error.strerror}. {_REMEDIES[error.errno]}"
    return None


def passes(error: BaseException) -> bool:
    """Say whether the same may succeed later: after a full disk, a lock, PostgreSQL away."""
    return any(
        _is_full_disk(each) or database_troubles.passes(each) for each in (error, error.__cause__)
    )


def _is_known(error: DatabaseError) -> bool:
    return database_troubles.trouble_of(error) is not None


def _is_full_disk(error: BaseException | None) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in _NO_SPACE


def _about_full_disk(error: OSError) -> str:
    # A write that finds no space names no file.
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror}. Free some space on the disk that holds DATA_DIR."
