"""Entries as lines of a CSV file, for the pages' export and the command's alike."""

import csv
import io
import re
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
# Where a spreadsheet may see a formula begin: at the beginning of a text, wide forms and what
# cannot be seen before them included, and after whatever a spreadsheet of another language, or one
# that takes a line break for the end of a row, parts cells by.
_FORMULA_BEGINS = re.compile(
    r"((?:\A|[;\t\r\n])[ \u00a0\u200b\u2060\ufeff]*)([=+\-@＝＋－＠])|(\A)([\t\r\n])"
)


def entry_rows(entries: Iterable[Entry]) -> Iterator[list[str]]:
    """Give the cells of each entry, in the order of ``HEADER``: amounts positive, times in UTC."""
    return map(_cells, entries)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Give rows as lines of CSV, each ended by a line feed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def safe_cell(text: str) -> str:
    """Give a text that no spreadsheet runs as a formula: an apostrophe goes before each sign.

    French ones part cells by semicolons, so that one within a text begins another cell.
    """
    return _FORMULA_BEGINS.sub(r"\1\3'\2\4", text)


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
