"""How every process of the portal begins, and how it says that it cannot go on."""

import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from bankportal.leash import follow_supervisor

# What sysexits.h calls EX_CONFIG: somebody has to change something first.
EXIT_REFUSED = 78

_DATABASE_REMEDIES = {
    "database or disk is full": "Free some space on the disk that holds DATA_DIR.",
    "unable to open database file": "Make DATA_DIR writable, or set DATA_DIR to another folder.",
    "attempt to write a readonly database": "Make DATA_DIR and the files in it writable.",
    "disk i/o error": "Free some space on the disk that holds DATA_DIR, and check the disk.",
    "database is locked": "Another program holds the database: end it, or wait, and try again.",
    "file is not a database": "It is damaged or something else: restore it from a backup.",
    "invalid connection option": "Correct the options at the end of DATABASE_URL.",
    "connection is bad": "Correct DATABASE_URL.",
    "connection failed": "See that PostgreSQL runs and DATABASE_URL names it.",
    "no such table": "Bring the database up to date with: manage.py migrate.",
}


class Refused(Exception):
    """The portal will not start like this; the text is one line with the remedy."""


def run_process(main: Callable[[], int | None]) -> NoReturn:
    """Run ``main`` on the supervisor's leash, and exit with its code.

    What its user can put right is told in one line instead of a traceback.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
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
        sys.exit(EXIT_REFUSED)


def in_plain_words(error: BaseException) -> str | None:
    """Give one line with cause and remedy, or None for an error that is not its user's."""
    text = " ".join(str(error).split())
    if isinstance(error, ImproperlyConfigured | Refused):
        return text
    if isinstance(error, DatabaseError):
        for sign, remedy in _DATABASE_REMEDIES.items():
            if sign in text.lower():
                return f"The database cannot be used: {text.rstrip('.')}. {remedy}"
    if isinstance(error, OSError) and error.filename and error.errno in _REMEDIES:
        return f"{error.filename}: {error.strerror}. {_REMEDIES[error.errno]}"
    return None


_REMEDIES = {
    errno.EACCES: "Make it accessible, or set DATA_DIR to another folder.",
    errno.EPERM: "Make it accessible, or set DATA_DIR to another folder.",
    errno.EROFS: "Make it writable, or set DATA_DIR to another folder.",
    errno.ENOSPC: "Free some space on that disk.",
    errno.EDQUOT: "Free some space: the quota of this user is used up.",
}
