"""The French catalogue, and every text that templates and code ask it for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.translation.template import templatize

FOLDER = Path(settings.BASE_DIR) / "locale" / "fr" / "LC_MESSAGES"
CODE = ("accounts", "streaming", "bankportal")
PLACEHOLDER = re.compile(r"%?%\(\w+\)[sd]|\{\w+\}")

# What ``templatize`` makes of a template: calls of gettext, with all else crossed out.
TEXT = r"""u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*\""""
ASKED = re.compile(rf"\b(p?n?gettext|_)\(({TEXT})(?:, ({TEXT}))?")

Key = tuple[str, str]

_GETTEXT = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
_PGETTEXT = {"pgettext", "pgettext_lazy", "npgettext"}


def entries() -> dict[Key, list[str]]:
    """The catalogue: context and English to the French forms."""
    return {key: forms for key, _plural, forms in _read()}


def plurals() -> dict[str, str]:
    """The English plural of each text that has one."""
    return {english: plural for (_context, english), plural, _forms in _read() if plural}


def _read() -> Iterator[tuple[Key, str, list[str]]]:
    for block in (FOLDER / "django.po").read_text(encoding="utf-8").split("\n\n")[1:]:
        fields = re.findall(r'^(\w+(?:\[\d\])?) ((?:"(?:[^"\\]|\\.)*"\n?)+)', block, re.M)
        texts = [
            (name, "".join(map(ast.literal_eval, rest.strip().split("\n"))))
            for name, rest in fields
        ]
        by_name = dict(texts)
        forms = [text for name, text in texts if name.startswith("msgstr")]
        key = (by_name.get("msgctxt", ""), by_name["msgid"])
        yield key, by_name.get("msgid_plural", ""), forms


def texts_of_templates() -> set[Key]:
    """What templates ask for, as Django's own ``makemessages`` reads them."""
    folder = Path(settings.BASE_DIR) / "templates"
    files = [*folder.rglob("*.html"), *folder.rglob("*.txt")]
    return {key for file in files for key in _asked_by(file)}


def _asked_by(file: Path) -> Iterator[Key]:
    for name, first, second in ASKED.findall(templatize(file.read_text(encoding="utf-8"))):
        texts = [ast.literal_eval(each) for each in (first, second) if each]
        yield (texts[0], texts[1]) if name.startswith("p") else ("", texts[0])


def texts_of_code() -> set[Key]:
    """What the modules ask for."""
    found = set()
    for folder in CODE:
        for module in (Path(settings.BASE_DIR) / folder).rglob("*.py"):
            if "migrations" not in module.parts:
                found |= set(_called_in(module))
    return found


def _called_in(module: Path) -> Iterator[Key]:
    for call in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
        texts = [each for each in texts if isinstance(each, str)]
        if call.func.id in _GETTEXT and texts:
            yield "", texts[0]
        elif call.func.id in _PGETTEXT and len(texts) > 1:
            yield texts[0], texts[1]
