"""Transaction ids: made in time order for the portal, derived from the row for history."""

import secrets
import time
from uuid import UUID

_VERSION_7 = 7 << 76
_VARIANT = 2 << 62


def new_transaction_id() -> UUID:
    """Give a UUID of version 7: in time order, so that the ledger's index grows at its end.

    Layout: RFC 9562, section 5.7.
    """
    random = secrets.randbits(74)
    milliseconds = (time.time_ns() // 1_000_000) << 80
    return UUID(
        int=milliseconds | _VERSION_7 | (random >> 62) << 64 | _VARIANT | random & (2**62 - 1)
    )
