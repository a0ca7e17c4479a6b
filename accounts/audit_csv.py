"""Audit records as lines of a CSV file: every column, so that the chain can be followed in it."""

from collections.abc import Iterable, Iterator

from accounts.csv_rows import safe_cell
from accounts.models import AuditRecord

HEADER = (
    "id",
    "at",
    "at_ms",
    "act",
    "outcome",
    "agent_id",
    "username",
    "role",
    "command",
    "address",
    "request_id",
    "object_kind",
    "object_id",
    "branch_id",
    "before",
    "after",
    "previous_hash",
    "hash",
)


def audit_rows(records: Iterable[AuditRecord]) -> Iterator[list[str]]:
    """Give the cells of each record, in the order of ``HEADER``: times in UTC, hashes in hex."""
    return map(_cells, records)


def _cells(record: AuditRecord) -> list[str]:
    moment = record.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        str(record.pk),
        moment,
        str(record.at_ms),
        safe_cell(record.act),
        safe_cell(record.outcome),
        _number(record.agent_id),
        safe_cell(record.username),
        safe_cell(record.role),
        safe_cell(record.command),
        safe_cell(record.address),
        safe_cell(record.request_id),
        safe_cell(record.object_kind),
        safe_cell(record.object_id),
        _number(record.branch_id),
        safe_cell(record.before),
        safe_cell(record.after),
        bytes(record.previous_hash).hex(),
        bytes(record.hash).hex(),
    ]


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
