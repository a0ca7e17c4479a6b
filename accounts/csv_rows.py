"""Entries as lines of a CSV file, for the pages' export and the command's alike."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from accounts.models import Entry, Kind, Outcome
from accounts.money import plain_amount

HEADER = (
    "transaction_id",
    "business_date",
    "account",
    "kind",
    "amount",
    "balance",
    "outcome",
    "reason",
    "reference",
    "submitted_by",
    "partition",
    "offset",
    "logged_at",
)
# What a spreadsheet takes for the beginning of a formula, wide forms included.
_FORMULA_BEGINS = tuple("=+-@\t\r\n＝＋－＠")


def entry_rows(entries: Iterable[Entry]) -> Iterator[list[str]]:
    """Give the cells of each entry, in the order of ``HEADER``: amounts positive, times in UTC."""
    return map(_cells, entries)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Give rows as lines of CSV, each ended by a line feed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def safe_cell(text: str) -> str:
    """Give a text that no spreadsheet runs as a formula: an apostrophe goes before it."""
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text


def _cells(entry: Entry) -> list[str]:
    balance_minor = entry.balance_minor
    return [
        str(entry.transaction_id),
        entry.business_date.isoformat(),
        safe_cell(entry.account_id),
        Kind(entry.kind_id).name.lower(),
        plain_amount(entry.amount_minor, currency=entry.currency),
        "" if balance_minor is None else plain_amount(balance_minor, currency=entry.currency),
        Outcome(entry.outcome).name.lower(),
        entry.reason,
        safe_cell(entry.reference),
        safe_cell(entry.submitted_by),
        str(entry.partition),
        str(entry.offset),
        _moment(entry.logged_at_ms),
    ]


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
