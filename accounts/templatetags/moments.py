"""How dates, times and durations stand on a page, in the portal's time zone."""

from datetime import date, datetime, timedelta

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import get_language, gettext

from accounts.models.fields import instant
from accounts.money import format_amount

register = template.Library()

register.simple_tag(timezone.localdate, name="today")

_ABBREVIATIONS = {"jan.": "janv.", "fév.": "févr."}


@register.filter
def day(value: date) -> str:
    """Give a date as short as it stays clear: the year only where it is another one."""
    pattern = "j N" if value.year == timezone.localdate().year else "j N Y"
    return _french_first(format_date(value, pattern if _is_french() else pattern.replace("N", "M")))


@register.filter
def long_day(value: date) -> str:
    """Give a date with its weekday and its year."""
    weekday = format_date(value, "l")
    return f"{weekday} {_french_first(format_date(value, 'j F Y'))}"


@register.filter
def full_day(value: date) -> str:
    """Give a date with its year and its month in full."""
    return _french_first(format_date(value, "j F Y"))


@register.filter
def narrow_day(value: date) -> str:
    """Give a date with its year, each as wide as the next: for a column of dates."""
    return format_date(value, "d/m/Y" if _is_french() else "d M Y")


@register.filter
def instant_day(milliseconds: int) -> str:
    """Give the date of an instant in the portal's time zone, in short."""
    return day(_local(milliseconds).date())


@register.filter
def clock(milliseconds: int) -> str:
    """Give the time of day of an instant, to the minute."""
    return _local(milliseconds).strftime("%H:%M")


@register.filter
def moment(value: datetime) -> str:
    """Write when something was, to the minute: ``26 nov., 07:13``."""
    milliseconds = int(value.timestamp() * 1000)
    return f"{instant_day(milliseconds)}, {clock(milliseconds)}"


@register.filter
def since(text: str, milliseconds: int) -> str:
    """Fill ``%(time)s`` in a text with an instant, to the minute; its date only if not today's."""
    return text % {"time": _dated(milliseconds, clock(milliseconds))}


@register.filter
def recent(milliseconds: int) -> str:
    """Write an instant, to the second; with its date only if that is not today's."""
    return _dated(milliseconds, seconds(milliseconds))


@register.filter
def seconds(milliseconds: int) -> str:
    """Give the time of day of an instant, to the second."""
    return _local(milliseconds).strftime("%H:%M:%S")


@register.filter
def thousandths(milliseconds: int) -> str:
    """Give the time of day of an instant, to the millisecond."""
    point = "," if _is_french() else "."
    return f"{_local(milliseconds):%H:%M:%S}{point}{milliseconds % 1000:03d}"


@register.filter
def stamp(milliseconds: int) -> str:
    """Give an instant in full: date, time to the second."""
    return f"{full_day(_local(milliseconds).date())}, {seconds(milliseconds)}"


@register.filter
def zone(milliseconds: int) -> str:
    """Name the portal's time zone with its distance from UTC at an instant."""
    minutes = int((_local(milliseconds).utcoffset() or timedelta()).total_seconds()) // 60
    sign = "+" if minutes >= 0 else "\N{MINUS SIGN}"
    hours, rest = divmod(abs(minutes), 60)
    distance = f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")
    return f"{zone_name()} ({distance})" if settings.TIME_ZONE != "UTC" else "UTC"


@register.simple_tag
def zone_name() -> str:
    """Name the portal's time zone by its city."""
    name: str = settings.TIME_ZONE
    if "/" not in name:
        return name
    return gettext("%(city)s time") % {"city": name.rsplit("/", maxsplit=1)[-1].replace("_", " ")}


@register.filter
def took(milliseconds: int) -> str:
    """Give a duration in the unit that reads best."""
    gap = "\N{NO-BREAK SPACE}"
    if milliseconds < 1000:
        return f"{milliseconds}{gap}ms"
    if milliseconds < 60_000:
        tenths = format_amount(round(milliseconds / 100) * 10)[:-1]
        return f"{tenths}{gap}s"
    minutes = milliseconds // 60_000
    if minutes < 120:
        return f"{minutes}{gap}min"
    hours = minutes // 60
    return f"{hours}{gap}h" if hours < 48 else gettext("%(days)s days") % {"days": hours // 24}


def _dated(milliseconds: int, time: str) -> str:
    is_today = _local(milliseconds).date() == timezone.localdate()
    return time if is_today else f"{instant_day(milliseconds)}, {time}"


def _local(milliseconds: int) -> datetime:
    return timezone.localtime(instant(milliseconds))


def _french_first(text: str) -> str:
    if not _is_french():
        return text
    for short, usual in _ABBREVIATIONS.items():
        text = text.replace(short, usual)
    return f"1er{text[1:]}" if text.startswith("1 ") else text


def _is_french() -> bool:
    return (get_language() or settings.LANGUAGE_CODE).startswith("fr")
