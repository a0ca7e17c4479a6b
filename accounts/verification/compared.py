"""One row of the ledger beside what the oracle expects of its message."""

from typing import Any, Final

from accounts.ledger.messages import Delivered
from accounts.models import KIND_BY_CODE, DeadLetter, Entry
from accounts.oracle import POSTED, Expected
from accounts.verification.discrepancy import differences

_SAME: Final = (
    "transaction_id",
    "amount_minor",
    "currency",
    "business_date",
    "reference",
    "source",
    "submitted_by",
    "submitted_at_ms",
    "balance_minor",
    "reason",
    "partition",
    "offset",
)


def of_entry(entry: Entry, expected: Expected, message: Delivered, log_id: int) -> str:
    """Say where ``entry`` differs from what its message has to become; empty where nowhere."""
    return differences(
        (
            ("account", entry.account_id, expected.account),
            ("kind", entry.kind_id, int(KIND_BY_CODE[expected.kind or ""])),
            ("outcome", entry.outcome, 1 if expected.fate == POSTED else 2),
            *((name, getattr(entry, name), getattr(expected, name)) for name in _SAME),
            ("logged_at_ms", entry.logged_at_ms, message.logged_at_ms),
            ("log", entry.log_id, log_id),
            ("reverses", entry.reverses, None),
            ("leg_of", entry.leg_of, None),
            ("digest", stored_bytes(entry.digest), expected.digest),
            ("link", stored_bytes(entry.link), expected.link),
        )
    )


def of_dead_letter(row: DeadLetter, expected: Expected, message: Delivered) -> str:
    """Say where a dead letter differs from what its message has to become."""
    return differences(
        (
            ("reason", row.reason, expected.reason),
            ("transaction_id", row.transaction_id, expected.transaction_id),
            ("logged_at_ms", row.logged_at_ms, message.logged_at_ms),
            ("key", stored_bytes(row.key), message.key),
            ("value", stored_bytes(row.value), message.value),
            ("digest", stored_bytes(row.digest), expected.digest),
            ("link", stored_bytes(row.link), expected.link),
        )
    )


def stored_bytes(stored: Any) -> bytes | None:
    """Give what a column of bytes holds, whichever way its database hands it on.

    SQLite lets somebody put anything else there: that is taken by what it looks like.
    """
    if stored is None or isinstance(stored, bytes):
        return stored
    return bytes(stored) if isinstance(stored, memoryview) else str(stored).encode()


def whole_bytes(stored: Any) -> bytes:
    """Give what a column of bytes holds that has to hold some; none where it does not."""
    return stored_bytes(stored) or b""
