"""Parts of pages that are rendered once and then remembered."""

from functools import lru_cache
from typing import Any, Final

from django import template
from django.conf import settings
from django.template import Context, Engine, Template
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()

# A row of a list takes about a kilobyte.
_MOST_REMEMBERED: Final = 4_096


@register.simple_tag(takes_context=True)
def remembered(context: Context, template_name: str, **given: Any) -> SafeString:
    """Include a template that follows from what it is given, and render it once for that.

    As an include with ``only``; what is given has to be hashable. Language and settings count
    as given. Whatever else the template follows from, as dates that are written shorter today
    do from ``today``, has to be given too.
    """
    # A template that was changed meanwhile is another one.
    found = _engine(context).get_template(template_name)
    return _rendered(found, get_language(), settings.CURRENCY, settings.TIME_ZONE, **given)


def _engine(context: Context) -> Engine:
    # None only outside of a rendering.
    engine: Engine = context.template.engine  # type: ignore[union-attr]
    return engine


# Typed, for a text that is safe as it is equals one that has to be escaped.
@lru_cache(_MOST_REMEMBERED, typed=True)
def _rendered(
    found: Template, _language: str | None, _currency: str, _time_zone: str, **given: Any
) -> SafeString:
    return found.render(Context(given))
