"""A statement as a CSV file: opening balance, transactions, closing balance with their number."""

from collections.abc import Iterable, Iterator

from accounts.csv_rows import safe_cell
from accounts.models import Kind
from accounts.money import plain_amount
from accounts.selectors.statements import Line, Statement

HEADER = (
    "line",
    "business_date",
    "account",
    "kind",
    "amount",
    "balance",
    "reference",
    "transaction_id",
    "transactions",
)


def statement_rows(
    statement: Statement, parts: Iterable[Iterable[Line]]
) -> Iterator[list[list[str]]]:
    """Give the rows below ``HEADER``, some at a time.

    Amounts are the customer's: a withdrawal is below zero. The last row says how many
    transactions there are, so a file without it is not whole.
    """
    yield [_balance_row(statement, "opening")]
    for part in parts:
        yield [_line_row(statement, line) for line in part]
    yield [_balance_row(statement, "closing")]


def _balance_row(statement: Statement, line: str) -> list[str]:
    is_closing = line == "closing"
    day = statement.last if is_closing else statement.first
    balance_minor = statement.closing_minor if is_closing else statement.opening_minor
    moved_minor = statement.paid_in_minor - statement.paid_out_minor
    return [
        line,
        day.isoformat(),
        safe_cell(statement.account.number),
        "",
        _amount(statement, moved_minor) if is_closing else "",
        _amount(statement, balance_minor),
        "",
        "",
        str(statement.count) if is_closing else "",
    ]


def _line_row(statement: Statement, line: Line) -> list[str]:
    return [
        "transaction",
        line.business_date.isoformat(),
        safe_cell(statement.account.number),
        Kind(line.kind).name.lower(),
        _amount(statement, line.signed_amount_minor),
        _amount(statement, line.balance_minor),
        safe_cell(line.reference),
        str(line.transaction_id),
        "",
    ]


def _amount(statement: Statement, amount_minor: int) -> str:
    return plain_amount(amount_minor, currency=statement.account.balance.currency)
