"""The columns of a history row: text or SQLite values in, checked values out."""

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

from accounts.bounds import EARLIEST_DATE, LATEST_DATE
from accounts.events import is_account_number
from accounts.money import GREATEST_BALANCE_MINOR, GREATEST_MINOR

_DAY_FIRST = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ][0-9:.+Z-]*)?")
_AMOUNT = re.compile(r"([-+\N{MINUS SIGN}]?)([0-9]+)(?:[.,]([0-9]+))?")
_MOST_DIGITS = 20

_SIGN_BY_TYPE = {
    **dict.fromkeys(("deposit", "deposits", "dépôt", "depot"), 1),
    **dict.fromkeys(("withdrawal", "withdrawals", "withdraw", "retrait"), -1),
}


class Malformed(Exception):
    """A column that cannot be what it should be. The text is the reason."""


# A file has many rows a day, and reading a date costs more than the rest of its row.
@lru_cache(maxsize=4096)
def read_day(text: object) -> date:
    """Read a date as history files of the bank write it, DD/MM/YYYY."""
    match = _DAY_FIRST.fullmatch(_text(text))
    if match is None:
        raise Malformed(f"the date {shown(text)} is not of the form DD/MM/YYYY")
    return _day(match[3], match[2], match[1], text)


def read_any_day(text: object) -> date:
    """Read a date as DD/MM/YYYY or YYYY-MM-DD; a time of day behind the latter is dropped."""
    if match := _ISO.fullmatch(_text(text)):
        return _day(match[1], match[2], match[3], text)
    return read_day(text)


def read_account(value: object) -> str:
    """Read an account number; SQLite may hold it as a number."""
    number = str(value) if isinstance(value, int) else _text(value)
    if not is_account_number(number):
        raise Malformed(f"{shown(value)} is no account number")
    return number


def read_value(value: object, decimals: int) -> int:
    """Read what a row adds (or takes, below zero) in minor units; never zero."""
    value_minor = _read_amount(value, decimals, "value")
    if value_minor == 0:
        raise Malformed("the value is zero")
    return _bounded(value_minor, GREATEST_MINOR, "value", decimals)


def read_balance(value: object, decimals: int) -> int:
    """Read the balance that the file claims after a row, in minor units."""
    return _bounded(
        _read_amount(value, decimals, "balance"), GREATEST_BALANCE_MINOR, "balance", decimals
    )


def read_sign(value: object) -> int:
    """Read a transaction type as +1 or -1."""
    sign = _SIGN_BY_TYPE.get(_text(value).casefold())
    if sign is None:
        raise Malformed(f"the type {shown(value)} is neither deposit nor withdrawal")
    return sign


def shown(value: object, *, most: int = 40) -> str:
    """Give a value as an error may print it: short, and with nothing a terminal would obey.

    What is cut ends in a whole character, and in a sign that it was cut.
    """
    if not isinstance(value, str | bytes):
        return ascii(value)[:most]
    kept = value[:most]
    while len(ascii(kept)) > most + 2:
        kept = kept[:-1]
    return ascii(kept) + ("…" if len(kept) < len(value) else "")


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _day(year: str, month: str, day: str, text: object) -> date:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        raise Malformed(f"the date {shown(text)} does not exist") from None
    if not EARLIEST_DATE <= found <= LATEST_DATE:
        raise Malformed(f"the date {shown(text)} is before {EARLIEST_DATE} or after {LATEST_DATE}")
    return found


def _read_amount(value: object, decimals: int, column: str) -> int:
    if isinstance(value, int):
        return value * int(10**decimals)
    if isinstance(value, float):
        return _from_float(value, decimals, column)
    return _from_text(value, decimals, column)


def _from_float(value: float, decimals: int, column: str) -> int:
    """Take a float for the amount it stands for, within what sums of floats drift by."""
    exact = Decimal(repr(value))
    if not exact.is_finite():
        raise Malformed(f"the {column} {shown(value)} is not an amount")
    scaled = exact.scaleb(decimals)
    nearest = scaled.to_integral_value()
    if abs(scaled - nearest) > Decimal("0.0001"):
        raise Malformed(f"the {column} {shown(value)} has more than {decimals} decimals")
    return int(nearest)


def _from_text(value: object, decimals: int, column: str) -> int:
    match = _AMOUNT.fullmatch(_text(value))
    if match is None:
        raise Malformed(f"the {column} {shown(value)} is not an amount")
    sign, units, rest = match[1], match[2], match[3] or ""
    if len(rest) > decimals:
        raise Malformed(f"the {column} {shown(value)} has more than {decimals} decimals")
    if len(units) > _MOST_DIGITS:
        raise Malformed(f"the {column} {shown(value)} is too large")
    amount_minor = int(units + rest.ljust(decimals, "0"))
    return amount_minor if sign in {"", "+"} else -amount_minor


def _bounded(amount_minor: int, greatest_minor: int, column: str, decimals: int) -> int:
    if abs(amount_minor) > greatest_minor:
        greatest = Decimal(greatest_minor).scaleb(-decimals)
        raise Malformed(f"the {column} is beyond {greatest:,f}, the greatest there may be")
    return amount_minor
