"""Light or dark, as the agent chose."""

from typing import Final

from django import template
from django.conf import settings

register = template.Library()

_THEMES: Final = ("light", "dark")


@register.filter
def theme(request: object) -> str:
    """Give what the browser's cookie says; empty where nothing was chosen, or no request is."""
    chosen = getattr(request, "COOKIES", {}).get(settings.THEME_COOKIE_NAME, "")
    return chosen if chosen in _THEMES else ""
