"""One thing that the live ledger holds otherwise than its log says, and how it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the live ledger holds otherwise than its log says."""

    what: str
    detail: str
    account: str | None = None
    transaction_id: UUID | None = None
    partition: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        words = [self.what]
        if self.transaction_id is not None:
            words.append(str(self.transaction_id))
        if self.account is not None:
            words.append(f"account {self.account}")
        if self.partition is not None:
            words.append(f"partition {self.partition}")
        if self.offset is not None:
            words.append(f"offset {self.offset}")
        return f"{', '.join(words)}: {self.detail}."


def about(what: str, row: dict[str, Any], detail: str) -> Difference:
    """Say ``detail`` of a row, with what of its columns tells where it is."""
    return Difference(
        what,
        detail,
        row.get("account"),
        identifier(row.get("transaction_id")),
        row.get("partition"),
        row.get("offset"),
    )


def differing(names: Sequence[str], mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    """Say which of the columns ``names`` differ, and how; "" where none does."""
    return ", ".join(
        f"{name} is {_shown(found)}, and {_shown(right)} by the log"
        for name, found, right in zip(names, mine, theirs, strict=True)
        if _comparable(found) != _comparable(right)
    )


def _comparable(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytes | memoryview) else value


def _shown(value: Any) -> str:
    value = _comparable(value)
    if not isinstance(value, bytes):
        return "nothing" if value is None else repr(value) if value == "" else str(value)
    return f"{value[:16].hex()}{'…' if len(value) > 16 else ''}"


def identifier(stored: Any) -> UUID | None:
    """Give the id that a column of either database holds; None for what is none."""
    if isinstance(stored, UUID):
        return stored
    found = _comparable(stored)
    return UUID(bytes=found) if isinstance(found, bytes) and len(found) == 16 else None
