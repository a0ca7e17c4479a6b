"""What a page's scripts import, asked for with the page."""

import re
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_IMPORTED: Final = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)


@register.simple_tag
def preload_modules(*names: str) -> SafeString:
    """Let the browser ask for all that the modules import, not for one layer after the other."""
    links = ((static(name),) for name in imported(*names))
    return format_html_join("", '<link rel="modulepreload" href="{}">', links)


@lru_cache
def imported(*names: str) -> tuple[str, ...]:
    """Give the modules that those of these names import, and what these import in turn."""
    found = dict.fromkeys(names)
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        fresh = [normpath(join(dirname(name), each)) for each in _IMPORTED.findall(_text_of(name))]
        waiting += [each for each in fresh if each not in found]
        found |= dict.fromkeys(fresh)
    return tuple(each for each in found if each not in names)


def _text_of(name: str) -> str:
    path = finders.find(name)
    if path is None:
        raise FileNotFoundError(f"There is no static file {name}.")
    return Path(path).read_text(encoding="utf-8")
