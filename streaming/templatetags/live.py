"""Filters of the live pages; their scripts write the same (static/js/format.js)."""

from django import template
from django.utils import timezone

from accounts.models import Reason
from accounts.models.fields import instant
from accounts.money import format_amount
from accounts.templatetags.moments import day, seconds

register = template.Library()


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
