"""French and English, complete: every text is translated, and the compiled file is the newest."""

import ast
import gettext
import re
from pathlib import Path

from django.conf import settings

CATALOGUE = Path(settings.BASE_DIR) / "locale" / "fr" / "LC_MESSAGES"
EDITIONS = ("templates", "accounts", "streaming", "bankportal")
TEMPLATE_WORDS = re.compile(
    r"""{%\s*translate\s+(?:"([^"]*)"|'([^']*)')(?:\s+context\s+"(\w+)")?"""
)
# A plain space before a sign that takes a narrow one, none at all, or a typewriter's apostrophe.
BREAKS_OFF = re.compile(r" [;:!?%»]|\w[;!?]|« |'")
PLACEHOLDER = re.compile(r"%?%\(\w+\)[sd]|\{\w+\}")


def entries() -> dict[tuple[str, str], list[str]]:
    """The catalogue: context and English to the French forms."""
    found = {}
    for block in (CATALOGUE / "django.po").read_text(encoding="utf-8").split("\n\n")[1:]:
        fields = re.findall(r'^(\w+(?:\[\d\])?) ((?:"(?:[^"\\]|\\.)*"\n?)+)', block, re.M)
        texts = [
            (name, "".join(map(ast.literal_eval, rest.split("\n"))))
            for name, rest in ((name, rest.strip()) for name, rest in fields)
        ]
        by_name = dict(texts)
        forms = [text for name, text in texts if name.startswith("msgstr")]
        found[by_name.get("msgctxt", ""), by_name["msgid"]] = forms
        if "msgid_plural" in by_name:
            PLURALS[by_name["msgid"]] = by_name["msgid_plural"]
    return found


PLURALS: dict[str, str] = {}
CATALOGUED = entries()


def test_no_translation_is_missing_or_a_guess():
    text = (CATALOGUE / "django.po").read_text(encoding="utf-8")

    missing = [key for key, forms in CATALOGUED.items() if not all(forms)]

    assert len(CATALOGUED) > 200
    assert missing == []
    assert "fuzzy" not in text


def test_every_text_of_a_template_is_in_the_catalogue():
    folder = Path(settings.BASE_DIR) / "templates"
    wanted = {
        # Translating doubles the percent signs of a template.
        (context, (single or double).replace("%", "%%"))
        for template in folder.rglob("*.html")
        for double, single, context in TEMPLATE_WORDS.findall(template.read_text(encoding="utf-8"))
    }

    assert len(wanted) > 100
    assert sorted(wanted - CATALOGUED.keys()) == []


def test_every_text_of_the_code_is_in_the_catalogue():
    wanted = set()
    for folder in EDITIONS[1:]:
        for module in (Path(settings.BASE_DIR) / folder).rglob("*.py"):
            if "migrations" not in module.parts:
                wanted |= texts_of(module)

    assert len(wanted) > 100
    assert sorted(wanted - CATALOGUED.keys()) == []


def texts_of(module: Path) -> set[tuple[str, str]]:
    calls = (
        node
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return {
        ("", call.args[0].value)
        for call in calls
        if call.func.id in {"_", "gettext", "gettext_lazy", "ngettext"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_a_translation_keeps_the_values_that_it_is_given():
    changed = [
        key
        for key, forms in CATALOGUED.items()
        for form, english in zip(forms, (key[1], PLURALS.get(key[1], key[1])), strict=False)
        if set(PLACEHOLDER.findall(form)) != set(PLACEHOLDER.findall(english))
    ]

    assert changed == []


def test_french_keeps_its_punctuation_from_breaking_off():
    forms = [PLACEHOLDER.sub("x", form) for forms in CATALOGUED.values() for form in forms]

    assert [form for form in forms if BREAKS_OFF.search(form)] == []


def test_the_compiled_catalogue_is_the_newest():
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    for (context, english), forms in CATALOGUED.items():
        if len(forms) > 1:
            assert [compiled.ngettext(english, english, n) for n in (1, 2)] == forms
        elif context:
            assert compiled.pgettext(context, english) == forms[0]
        else:
            assert compiled.gettext(english) == forms[0]
