"""Django's ``i18n`` and ``url``, where what a tag gives follows from its text alone.

A page has some two hundred such tags, and Django looks each up anew. Templates have them without
loading anything. Those that are given variables or filters are Django's own.
"""

from collections.abc import Hashable
from typing import Any, Final

from django.conf import settings
from django.template import Context, Library, Node
from django.template.base import FilterExpression, Parser, Token, Variable
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as django_url
from django.templatetags import i18n
from django.urls import get_script_prefix, get_urlconf
from django.utils.translation import get_language

register = Library()
register.tags |= i18n.register.tags
register.filters |= i18n.register.filters


class ConstantText(Node):
    """Renders a translation once for each language, and then remembers it."""

    def __init__(self, node: Node, variable: str | None = None) -> None:
        self._node: Final = node
        self._variable: Final = variable
        self._rendered: Final[dict[Hashable, str]] = {}

    def render(self, context: Context) -> str:
        """Give the text, or let the variable have it that it is to be kept in."""
        known_by = self._known_by(context)
        text = self._rendered.get(known_by)
        if text is None:
            text = self._rendered[known_by] = self._node.render(context)
        if self._variable is None:
            return text
        context[self._variable] = text
        return ""

    def _known_by(self, _context: Context) -> Hashable:
        return get_language()


class ConstantAddress(ConstantText):
    """Looks an address up once for each place that the site may stand at."""

    def _known_by(self, context: Context) -> Hashable:
        return get_urlconf() or settings.ROOT_URLCONF, get_script_prefix(), context.autoescape


@register.tag("trans")
@register.tag("translate")
def translate(parser: Parser, token: Token) -> Node:
    """As Django's; a literal text is looked up once for each language."""
    node: i18n.TranslateNode = i18n.do_translate(parser, token)
    said_in = node.message_context
    if not _is_literal(node.filter_expression) or not (said_in is None or _is_literal(said_in)):
        return node
    variable, node.asvar = node.asvar, None
    return ConstantText(node, variable)


@register.tag
def url(parser: Parser, token: Token) -> Node:
    """As Django's; the address of a view that takes nothing is looked up once."""
    node: URLNode = django_url(parser, token)
    is_constant = _is_literal(node.view_name) and not (node.args or node.kwargs or node.asvar)
    # Which of several applications of one name is meant, the request has a say in.
    if not is_constant or ":" in str(node.view_name):
        return node
    return ConstantAddress(node)


def _is_literal(expression: FilterExpression) -> bool:
    var: Any = expression.var
    literal = var.literal if isinstance(var, Variable) else var
    return isinstance(literal, str) and not expression.filters
