"""What a check found, and where."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One thing that is not as it should be, with its place as far as it has one."""

    what: str
    account: str | None = None
    transaction_id: UUID | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        places = (
            ("account", self.account),
            ("transaction", self.transaction_id),
            ("topic", self.topic),
            ("partition", self.partition),
            ("offset", self.offset),
        )
        where = ", ".join(f"{name} {at}" for name, at in places if at is not None)
        return f"{where}: {self.what}" if where else self.what


def differences(compared: Iterable[tuple[str, Any, Any]]) -> str:
    """Say where what is found differs from what is expected: (name, found, expected)."""
    return "; ".join(
        f"{name} is {_shown(found)}, expected {_shown(expected)}"
        for name, found, expected in compared
        if found != expected
    )


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"{value[:32].hex()}… ({len(value)} bytes)"
    return repr(value) if isinstance(value, str) else str(value)
