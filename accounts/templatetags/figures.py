"""How amounts stand on a page: filters over the one formatter of ``accounts.money``."""

from typing import Protocol

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from accounts.currencies import SYMBOLS
from accounts.models import Kind
from accounts.money import amount_rule, format_amount

register = template.Library()
register.simple_tag(amount_rule)


class Operation(Protocol):
    """What has a kind and an amount: a line of a list, or a receipt."""

    @property
    def kind(self) -> int:
        """A value of ``Kind``."""

    @property
    def signed_amount_minor(self) -> int:
        """The amount from the customer's viewpoint."""


NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


@register.filter
def amount(amount_minor: int) -> str:
    """Give an amount as language and currency write it, a minus where it is below zero."""
    return format_amount(amount_minor, currency=settings.CURRENCY)


@register.filter
def signed(amount_minor: int) -> str:
    """Give an amount with its sign, also where it is above zero."""
    return format_amount(amount_minor, currency=settings.CURRENCY, sign=True)


@register.filter
def taken(amount_minor: int) -> str:
    """Give what was taken from accounts, with the sign of what it does to them."""
    return signed(-amount_minor)


@register.filter
def money(amount_minor: int) -> str:
    """Give an amount with its currency, for running text: ``100,00 €`` or ``€100.00``."""
    figure, symbol = amount(amount_minor), currency_symbol()
    if _is_french():
        return f"{figure}{NO_BREAK_SPACE}{symbol}"
    gap = "" if symbol in SYMBOLS.values() else NO_BREAK_SPACE
    mark = figure[0] if figure[0].isascii() is False else ""
    return f"{mark}{symbol}{gap}{figure.removeprefix(mark)}"


@register.filter
def grand(amount_minor: int, sign: str = "") -> SafeString:
    """Give an amount for a large figure, its currency beside it in small print."""
    figure = signed(amount_minor) if sign else amount(amount_minor)
    return format_html("{} <small>{}</small>", figure, currency_symbol())


@register.simple_tag
def currency_symbol() -> str:
    """Give the sign of the portal's currency, or its code where it has none."""
    code: str = settings.CURRENCY
    return SYMBOLS.get(code, code)


@register.filter
def title(operation: Operation) -> str:
    """Name a transaction with its amount, as the head of a receipt does."""
    words = {
        Kind.DEPOSIT: gettext("Deposit of %(amount)s"),
        Kind.WITHDRAWAL: gettext("Withdrawal of %(amount)s"),
    }
    form = words.get(Kind(operation.kind), gettext("Opening with %(amount)s"))
    return form % {"amount": money(abs(operation.signed_amount_minor))}


@register.filter
def fingerprint(digest: bytes) -> str:
    """Give a hash in groups of four, short enough to compare by eye: its ends."""
    text = bytes(digest).hex()
    groups = [text[i : i + 4] for i in range(0, len(text), 4)]
    return " ".join([*groups[:4], "…", *groups[-2:]])


def _is_french() -> bool:
    return (get_language() or settings.LANGUAGE_CODE).startswith("fr")
