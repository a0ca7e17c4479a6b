"""Money: integers in minor units inside, decimals at the edge. One parser, one formatter."""

import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.currencies import DECIMALS

# The greatest amount an agent may type, and the greatest one an event may carry.
GREATEST_TYPED_MINOR = 99_999_999_999
GREATEST_MINOR = 10**15
# What one account may hold, and what may go through it in all its life: both far inside the
# 64 bits of a column, as is then each sum over one account.
GREATEST_BALANCE_MINOR = 10**18
GREATEST_TURNOVER_MINOR = 9 * 10**18

MINUS = "\N{MINUS SIGN}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"

_PLAIN = re.compile(r"(?P<units>[0-9]+)(?:[.,](?P<cents>[0-9]{1,2}))?")
_GROUPED_BY_POINT = re.compile(r"(?P<units>[0-9]{1,3}(?:\.[0-9]{3})+),(?P<cents>[0-9]{2})")
_GROUPED_BY_COMMA = re.compile(r"(?P<units>[0-9]{1,3}(?:,[0-9]{3})+)\.(?P<cents>[0-9]{2})")
_GROUPED_BY_SPACE = re.compile(r"[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]{1,2})?")
_LOOKS_GROUPED = re.compile(r"[0-9]{1,3}[.,][0-9]{3}")


# Django's fields take type arguments for the type checker only.
if TYPE_CHECKING:
    _BigIntegerField = models.BigIntegerField[Any, Any]
else:
    _BigIntegerField = models.BigIntegerField


class MoneyField(_BigIntegerField):
    """An amount in minor units. The only field that holds money, and nothing but integers."""

    description = _("Amount in minor units")

    def db_check(self, connection: BaseDatabaseWrapper) -> str | None:
        # SQLite would keep a fraction, or text, in a column of integers.
        return integer_check(self, connection)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "accounts.money.MoneyField", args, kwargs


def integer_check(
    field: "models.BigIntegerField[Any, Any]", connection: BaseDatabaseWrapper
) -> str | None:
    """Give the check that keeps all but integers out of the column, where the type does not."""
    if connection.vendor != "sqlite":
        return None
    return f"typeof({connection.ops.quote_name(field.column or '')}) IN ('integer', 'null')"


def decimals_of(currency: str) -> int:
    """Give the number of decimals of ``currency`` (ISO 4217)."""
    return DECIMALS.get(currency, 2)


def parse_amount(text: str) -> int:
    """Give the minor units that an agent typed; raise ``ValidationError`` with the rule.

    Takes a comma or a point as decimals and refuses what could mean two amounts, whatever
    the language of the page: ``12``, ``12,5``, ``1 234,50``, ``1.234,50``, ``1,234.50``.
    Three digits behind a lone comma or point could be cents or thousands, so ``1,234`` and
    ``1.234`` are refused, as are a sign, an exponent, zero and other digits than 0 to 9.
    """
    typed = " ".join(text.split())
    _refuse_unreadable(typed)
    match = _matched(typed)
    units = int(re.sub(r"[., ]", "", match["units"]))
    amount_minor = units * 100 + int((match["cents"] or "0").ljust(2, "0"))
    if amount_minor == 0:
        raise _refusal("zero")
    if amount_minor > GREATEST_TYPED_MINOR:
        raise _refusal("too_large")
    return amount_minor


def amount_rule(code: str) -> str:
    """Give the sentence of a refused amount, its examples as the language of the page has them.

    ``code`` is that of the ``ValidationError`` of ``parse_amount``.
    """
    return str(_RULES[code]) % {
        "whole": format_amount(123_400),
        "plain": format_amount(123_450, grouped=False),
        "grouped": format_amount(123_450),
        "greatest": format_amount(GREATEST_TYPED_MINOR),
    }


_RULES = {
    "required": _("Enter an amount."),
    "sign": _("Enter the amount without a sign; deposit or withdrawal gives it."),
    "digits": _("Use the digits 0 to 9."),
    "ambiguous": _("Could mean two amounts. Write the cents, as in %(whole)s."),
    "invalid": _("Write an amount as %(plain)s or %(grouped)s: digits, and at most two decimals."),
    "zero": _("Enter an amount above zero."),
    "too_large": _("The greatest amount is %(greatest)s."),
}


def _refusal(code: str) -> ValidationError:
    return ValidationError(amount_rule(code), code=code)


def _refuse_unreadable(typed: str) -> None:
    if not typed:
        raise _refusal("required")
    if typed[0] in f"-+{MINUS}":
        raise _refusal("sign")
    if any(c.isdigit() and c not in "0123456789" for c in typed):
        raise _refusal("digits")
    if _LOOKS_GROUPED.fullmatch(typed):
        raise _refusal("ambiguous")


def _matched(typed: str) -> re.Match[str]:
    if _GROUPED_BY_SPACE.fullmatch(typed):
        typed = typed.replace(" ", "")
    for form in (_PLAIN, _GROUPED_BY_POINT, _GROUPED_BY_COMMA):
        if match := form.fullmatch(typed):
            return match
    raise _refusal("invalid")


def format_amount(
    amount_minor: int,
    *,
    currency: str = "EUR",
    sign: bool = False,
    grouped: bool = True,
    language: str | None = None,
) -> str:
    """Give an amount as a page shows it, without the currency's symbol.

    Always the currency's decimals; U+2212 for minus; ``+`` for what is above zero when
    ``sign`` is set; French groups by U+202F with a comma, English by commas with a point.
    """
    decimals = decimals_of(currency)
    units, rest = divmod(abs(amount_minor), 10**decimals)
    whole = f"{units:,}" if grouped else f"{units}"
    point = "."
    if (language or get_language() or "fr").startswith("fr"):
        whole, point = whole.replace(",", NARROW_SPACE), ","
    mark = MINUS if amount_minor < 0 else "+" if sign and amount_minor > 0 else ""
    return f"{mark}{whole}" + (f"{point}{rest:0{decimals}d}" if decimals else "")


def plain_amount(amount_minor: int, *, currency: str = "EUR") -> str:
    """Give an amount as a file holds it: ASCII minus, a point, no groups."""
    decimals = decimals_of(currency)
    units, rest = divmod(abs(amount_minor), 10**decimals)
    mark = "-" if amount_minor < 0 else ""
    return f"{mark}{units}" + (f".{rest:0{decimals}d}" if decimals else "")
