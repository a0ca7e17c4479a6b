"""A statement as PDF: tagged, in the agent's language, with page numbers."""

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import get_language, gettext

from accounts.models import Kind
from accounts.money import format_amount
from accounts.selectors.statements import Line, Statement
from accounts.templatetags.moments import full_day, narrow_day

# Beyond, paper helps nobody: 120 pages, two seconds and 300 MB while it is set.
MOST_LINES: Final = 5_000

_PROGRAM: Final = Path(__file__).with_name("typesetting.py")
_PATIENCE_S: Final = 60
# The longest statements take what memory there is for one of them, so there is one at a time.
_setting = Lock()

# Broken where the column ends, since a reference may be one word.
_LONG_WORD: Final = re.compile(r"\S{18}(?=\S)")
_BREAK: Final = "\N{ZERO WIDTH SPACE}"


class NotTypeset(Exception):
    """The PDF could not be made; the text is what typst said."""


def statement_pdf(statement: Statement, lines: Sequence[Line]) -> bytes:
    """Give a statement with all its lines, at most ``MOST_LINES``, as a PDF.

    Blocks while a process of its own sets it, seconds for the longest. Raises ``NotTypeset``.
    """
    text = json.dumps(_text(statement, lines))
    # Isolated, so that nothing of the environment reaches it.
    command = [sys.executable, "-I", str(_PROGRAM)]
    with _setting:
        try:
            done = subprocess.run(  # noqa: S603
                command, input=text.encode(), capture_output=True, timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired as late:
            raise NotTypeset(f"It took longer than {_PATIENCE_S} s.") from late
    if done.returncode != 0:
        raise NotTypeset(done.stderr.decode(errors="replace")[-2000:])
    return done.stdout


def _text(statement: Statement, lines: Sequence[Line]) -> dict[str, Any]:
    """Give everything that stands on the paper, as it stands there."""
    account, currency = statement.account, statement.account.balance.currency
    first, last = full_day(statement.first), full_day(statement.last)
    holder = _broken(_printable(account.holder))
    return {
        "language": (get_language() or "fr")[:2],
        "bank": "bankportal",
        "branch": str(account.branch or ""),
        "title": gettext("Statement of account"),
        "span": gettext("From %(first)s to %(last)s") % {"first": first, "last": last},
        "running": f"{account.number} {holder}".strip(),
        "made": gettext("Made on %(day)s") % {"day": full_day(timezone.localdate())},
        "page": gettext("Page {page} of {pages}"),
        "facts": [
            [gettext("Account"), _printable(account.number)],
            *([[gettext("Holder"), holder]] if holder else []),
            [gettext("Currency"), currency],
        ],
        "columns": [
            gettext("Date"),
            gettext("Transaction"),
            gettext("Reference"),
            gettext("Amount"),
            gettext("Balance"),
        ],
        "opening": [
            narrow_day(statement.first),
            gettext("Opening balance"),
            format_amount(statement.opening_minor, currency=currency),
        ],
        "lines": [_line(line, currency) for line in lines],
        "closing": [
            narrow_day(statement.last),
            gettext("Closing balance"),
            format_amount(statement.closing_minor, currency=currency),
        ],
        "sums": _sums(statement, currency),
    }


def _line(line: Line, currency: str) -> list[str]:
    kind = gettext("Withdrawal") if line.kind == Kind.WITHDRAWAL else gettext("Deposit")
    return [
        narrow_day(line.business_date),
        kind,
        _broken(_printable(line.reference)),
        format_amount(line.signed_amount_minor, currency=currency, sign=True),
        format_amount(line.balance_minor, currency=currency),
    ]


def _sums(statement: Statement, currency: str) -> list[list[str]]:
    # A currency without decimals writes a whole number.
    count = format_amount(statement.count, currency="XOF")
    paid_out_minor = -statement.paid_out_minor
    return [
        [gettext("Transactions"), count],
        [gettext("Paid in"), format_amount(statement.paid_in_minor, currency=currency, sign=True)],
        [gettext("Paid out"), format_amount(paid_out_minor, currency=currency)],
    ]


def _broken(text: str) -> str:
    return _LONG_WORD.sub(rf"\g<0>{_BREAK}", text)


def _printable(text: str) -> str:
    """Leave out what has no shape, or would turn the text around it: control and format signs."""
    return "".join(
        each if unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Co", "Cn"} else " "
        for each in text
    ).strip()
