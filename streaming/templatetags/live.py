"""Filters of the live pages; their scripts write the same (static/js/format.js)."""

from typing import Any, Final

import msgspec
from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.models import Reason
from accounts.models.fields import instant
from accounts.money import format_amount
from accounts.templatetags.moments import day, seconds

register = template.Library()

# What would end the script element, or begin something else within it.
_ESCAPES: Final = {"<": "\\u003C", ">": "\\u003E", "&": "\\u0026"}


@register.filter
def data_script(value: Any, element_id: str) -> SafeString:
    """Give a value to the page's scripts as Django's ``json_script`` does, encoded by msgspec."""
    text = msgspec.json.encode(value).decode()
    for sign, escape in _ESCAPES.items():
        text = text.replace(sign, escape)
    script = '<script id="{}" type="application/json">{}</script>'
    return format_html(script, element_id, mark_safe(text))  # noqa: S308 - escaped above


@register.filter
def recent(milliseconds: int) -> str:
    """Give the time of an instant of today, else its date."""
    moment = timezone.localtime(instant(milliseconds)).date()
    return seconds(milliseconds) if moment == timezone.localdate() else day(moment)


@register.filter
def grouped(number: int) -> str:
    """Give a whole number with its thousands apart."""
    return format_amount(number, currency="XOF")


@register.filter
def reason_words(reason: str) -> str:
    """Say why, or what is remarkable, in words."""
    return str(Reason(reason).label)
