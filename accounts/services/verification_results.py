"""Notes how a verification ended."""

import time
from typing import Literal

from django.db import DatabaseError
from django.db.transaction import atomic

from accounts.models import VerificationResult

Verified = Literal["ledger", "audit"]


def note_verification(what: Verified, discrepancies: int) -> bool:
    """Note it in place of the one before; say whether the database has taken it.

    One that can only be read is verified all the same.
    """
    found = {"at_ms": time.time_ns() // 1_000_000, "discrepancies": discrepancies}
    try:
        with atomic():
            VerificationResult.objects.update_or_create(what=what, defaults=found)
    except DatabaseError:
        return False
    return True
