"""How the admin shows what a table holds: amounts, moments, bytes, links."""

from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models.fields import instant
from accounts.money import format_amount
from accounts.templatetags import moments

# Characters, whichever way bytes are shown.
MOST_SHOWN = 3_000
NOTHING = "–"
_LINE_BREAKS = dict.fromkeys(map(ord, "\r\n\t"), " ")


def amount(amount_minor: int | None, currency: str = "", *, sign: bool = False) -> str:
    """Give an amount with its currency, or a dash."""
    if amount_minor is None:
        return NOTHING
    currency = currency or settings.CURRENCY
    text = format_amount(amount_minor, currency=currency, sign=sign)
    return f"{text}\N{NO-BREAK SPACE}{currency}"


def day(value: date) -> str:
    """Give a business date as the pages of the bank write it."""
    return moments.day(value)


def moment(milliseconds: int | None) -> str:
    """Give a moment in the bank's time zone, to the millisecond, or a dash."""
    if milliseconds is None:
        return NOTHING
    local = timezone.localtime(instant(milliseconds))
    return (
        f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M:%S}.{local.microsecond // 1000:03}"
    )


def text_of(raw: bytes | memoryview | None) -> str:
    """Give bytes as the text that they are, else in hexadecimal; long ones cut, with their size."""
    if raw is None:
        return NOTHING
    whole = bytes(raw)
    text = _printable(whole)
    if text is not None and len(text) <= MOST_SHOWN:
        return text
    beginning = text[:MOST_SHOWN] if text is not None else whole[: MOST_SHOWN // 3].hex(" ")
    if text is None and len(whole) <= MOST_SHOWN // 3:
        return beginning
    return _("%(beginning)s… (%(size)d bytes)") % {"beginning": beginning, "size": len(whole)}


def short_id(identifier: UUID | None) -> str:
    """Give the end of a transaction id, which tells it apart in a list, or a dash."""
    return NOTHING if identifier is None else f"…{identifier.hex[-8:]}"


def digest(raw: bytes | memoryview | None) -> str:
    """Give a hash in hexadecimal."""
    return NOTHING if raw is None else bytes(raw).hex()


def search_link(model_name: str, wanted: str | UUID, text: str = "") -> SafeString:
    """Give a link to the rows of a table that a search for ``wanted`` finds."""
    address = f"{reverse(f'admin:accounts_{model_name}_changelist')}?{urlencode({'q': wanted})}"
    return format_html('<a href="{}">{}</a>', address, text or str(wanted))


def row_link(model_name: str, row_id: int, text: str) -> SafeString:
    """Give a link to one row of a table."""
    address = reverse(f"admin:accounts_{model_name}_change", args=[row_id])
    return format_html('<a href="{}">{}</a>', address, text)


def _printable(raw: bytes) -> str | None:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return text if text.translate(_LINE_BREAKS).isprintable() else None
