"""Whether the audit log still is what was written: every record, the chain, its end, its guards."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from accounts.ledger.append_only import added_triggers, missing_triggers
from accounts.models import AuditHead, AuditRecord
from accounts.models.audit import NO_HASH, SEALED, hash_of
from accounts.verification.discrepancy import Discrepancy

ROWS_AT_A_TIME: Final = 5_000
# A clock that is set right goes back by seconds; one that is set back goes by more.
BACKWARDS_MS: Final = 2_000
MOST_NOTES: Final = 20

_TABLES: Final = (AuditRecord._meta.db_table, AuditHead._meta.db_table)
_COLUMNS: Final = ", ".join([*SEALED, "previous_hash", "hash"])
_ROWS: Final = (
    f"SELECT {_COLUMNS} FROM {_TABLES[0]} WHERE id > %s AND id <= %s "  # noqa: S608 names of ours
    "ORDER BY id LIMIT %s"
)
# At one moment, so that nobody who writes meanwhile looks like somebody who has cut.
_ENDS: Final = f"""
    SELECT (SELECT max(id) FROM {_TABLES[0]}),
        (SELECT hash FROM {_TABLES[0]} WHERE id = (SELECT max(id) FROM {_TABLES[0]})),
        (SELECT last_id FROM {_TABLES[1]} WHERE id = 1),
        (SELECT last_hash FROM {_TABLES[1]} WHERE id = 1)
"""  # noqa: S608 names of ours


@dataclass(frozen=True, slots=True)
class Anchor:
    """A record's number and hash, kept elsewhere."""

    record_id: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.record_id}:{self.hash.hex()}"


class AuditVerification:
    """Verifies the audit log as it is at the start, while others may append.

    In bounded memory. ``anchors`` are ends of the log that were noted at earlier times.
    """

    def __init__(self, anchors: Sequence[Anchor] = ()) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_ENDS)
            last_id, last_hash, head_id, head_hash = cursor.fetchone()
        self.end = Anchor(last_id or 0, _bytes(last_hash) or NO_HASH)
        self.notes: list[str] = []
        self.note_count = 0
        self.record_count = 0
        self._head = None if head_id is None else Anchor(head_id, _bytes(head_hash))
        self._anchors = anchors
        self._anchored = {each.record_id for each in anchors}

    def run(self, advance: Callable[[int], None]) -> Iterator[Discrepancy]:
        """Give every discrepancy. ``advance`` is told now and then how many more are done."""
        yield from _check_triggers()
        last, last_hash, last_at = 0, NO_HASH, 0
        for rows in self._parts():
            for *columns, previous_hash, own_hash in rows:
                values = dict(zip(SEALED, columns, strict=True))
                number = values["id"]
                if number != last + 1:
                    yield _missing(last + 1, number - 1)
                elif previous_hash != last_hash:
                    yield _of(
                        number,
                        f"does not go on from record {last}: the chain is forked here, "
                        "or the record before it is another one than it was",
                    )
                if hash_of(previous_hash, values) != own_hash:
                    yield _of(number, "is altered: its hash is that of another content")
                self._note_time(number, values["at_ms"], last_at)
                if number in self._anchored:
                    yield from self._check_anchors(number, own_hash)
                last, last_hash, last_at = number, own_hash, values["at_ms"]
            self.record_count += len(rows)
            advance(len(rows))
        yield from self._check_end()

    def _parts(self) -> Iterator[list[tuple[Any, ...]]]:
        last = -(2**63)
        while True:
            with connection.cursor() as cursor:
                cursor.execute(_ROWS, [last, self.end.record_id, ROWS_AT_A_TIME])
                rows = [(*row[:-2], _bytes(row[-2]), _bytes(row[-1])) for row in cursor.fetchall()]
            if not rows:
                return
            yield rows
            last = rows[-1][0]

    def _check_end(self) -> Iterator[Discrepancy]:
        head, end = self._head, self.end
        if head is None:
            yield Discrepancy(
                what="the end of the audit log is not noted: the row of its head is gone"
            )
        elif head.record_id > end.record_id:
            yield _missing(end.record_id + 1, head.record_id, why="the log was cut at its end")
        elif head.record_id < end.record_id:
            yield _of(
                end.record_id,
                f"is beyond the end of the log, which is {head.record_id}: "
                "somebody else than the portal has added it, or put the end back",
            )
        elif head.hash != end.hash:
            yield _of(end.record_id, "is not the one that the end of the log names")
        for each in self._anchors:
            if each.record_id > end.record_id:
                yield _of(
                    each.record_id,
                    f"of the anchor {each} is not there: the log ends at {end.record_id}",
                )

    def _check_anchors(self, number: int, own_hash: bytes) -> Iterator[Discrepancy]:
        for each in self._anchors:
            if each.record_id == number and each.hash != own_hash:
                yield _of(
                    number,
                    f"is not the one of the anchor {each}: the log up to there was written anew",
                )

    def _note_time(self, number: int, at_ms: int, last_at: int) -> None:
        if isinstance(at_ms, int) and at_ms < last_at - BACKWARDS_MS:
            self.note_count += 1
            if len(self.notes) < MOST_NOTES:
                self.notes.append(
                    f"Note: record {number} is {(last_at - at_ms) / 1000:,.1f} s earlier than the "
                    "one before it: the clock was set back, or was ahead."
                )


def _check_triggers() -> Iterator[Discrepancy]:
    for name in missing_triggers(connection):
        if name.startswith(_TABLES):
            yield Discrepancy(what=f"trigger {name} is missing, switched off or altered")
    for name in added_triggers(connection):
        if name.endswith(tuple(f" on {table}" for table in _TABLES)):
            yield Discrepancy(what=f"trigger {name} is none of the portal's")


def _missing(first: int, last: int, why: str = "") -> Discrepancy:
    which = f"record {first} is" if first == last else f"records {first} to {last} are"
    return Discrepancy(what=f"{which} missing{': ' if why else ''}{why}")


def _of(number: int, what: str) -> Discrepancy:
    return Discrepancy(what=f"record {number} {what}")


def _bytes(value: Any) -> bytes:
    """Give what a column of bytes holds; what else somebody has put there is no hash."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
