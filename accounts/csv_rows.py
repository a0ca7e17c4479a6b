"""Entries as lines of a CSV file, for the pages' export and the command's alike."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from accounts.models import Entry, Kind, Outcome
from accounts.models.fields import instant
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
# Where a spreadsheet may see a formula begin: at the beginning of a text, and after whatever one of
# another language, or one that takes a line break for the end of a row, parts cells by.
_PARTS_CELLS = r"\A|[;\t\n\v\f\r\x85\u2028\u2029]"
# What may stand before a sign that begins one: what cannot be seen, and quotes, since those that
# are doubled for a cell parted by commas are opened and closed again in one parted otherwise.
_PASSED_OVER = (
    r"\s\0-\x1f\"\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_FORMULA_BEGINS = re.compile(
    rf"((?:{_PARTS_CELLS})[{_PASSED_OVER}]*)([=+\-@＝＋－＠])|(\A)([\t\r\n])"
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
    return instant(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
