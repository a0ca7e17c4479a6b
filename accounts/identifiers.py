"""Transaction ids: made in time order for the portal, derived from the row for history."""

import hashlib
import secrets
import time
from datetime import date
from uuid import UUID

_VERSION_7 = 7 << 76
_VERSION_8 = 8 << 76
_VARIANT = 2 << 62
_EPOCH = date(1970, 1, 1)
_MILLISECONDS_A_DAY = 86_400_000


def new_transaction_id() -> UUID:
    """Give a UUID of version 7: in time order, so that the ledger's index grows at its end.

    Layout: RFC 9562, section 5.7.
    """
    random = secrets.randbits(74)
    milliseconds = (time.time_ns() // 1_000_000) << 80
    return UUID(
        int=milliseconds | _VERSION_7 | (random >> 62) << 64 | _VARIANT | random & (2**62 - 1)
    )


def derived_transaction_id(day: date, identity: str) -> UUID:
    """Give the one UUID, of version 8, that stands for ``identity`` on ``day``.

    It begins with the day, so that history too grows the ledger's index at its end; 74 bits
    of SHA-256 follow, so that two texts of one day never meet. Layout: RFC 9562, section 5.8.
    """
    milliseconds = max((day - _EPOCH).days, 0) * _MILLISECONDS_A_DAY
    digest = hashlib.sha256(identity.encode()).digest()
    random = int.from_bytes(digest[:10], "big") >> 6
    return UUID(
        int=milliseconds << 80 | _VERSION_8 | (random >> 62) << 64 | _VARIANT | random & (2**62 - 1)
    )


def is_free_for_a_form(identifier: UUID) -> bool:
    """Say whether a form may carry ``identifier``: one of version 4 or 7, which nobody derives.

    Others may be derived from what they stand for, by us (version 8) or by another system, whose
    transaction would be dead where a form had taken its id before.
    """
    return identifier.version in {4, 7}
