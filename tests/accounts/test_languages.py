"""French and English, complete: every text is translated, and the compiled file is the newest."""

import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import trans_real

from tests.accounts.catalogue import (
    FOLDER,
    PLACEHOLDER,
    entries,
    plurals,
    texts_of_code,
    texts_of_templates,
)

# A plain space before a sign that takes a narrow one, none at all, or a typewriter's apostrophe.
BREAKS_OFF = re.compile(r" [;:!?%»]|\w[;!?]|« |'")
CATALOGUED = entries()
PLURALS = plurals()


def test_no_translation_is_missing_or_a_guess():
    text = (FOLDER / "django.po").read_text(encoding="utf-8")

    missing = [key for key, forms in CATALOGUED.items() if not all(forms)]

    assert len(CATALOGUED) > 200
    assert missing == []
    assert "fuzzy" not in text


def test_no_translation_is_kept_that_nobody_uses():
    text = (FOLDER / "django.po").read_text(encoding="utf-8")

    unused = CATALOGUED.keys() - texts_of_templates() - texts_of_code()

    assert sorted(unused) == []
    assert "#~" not in text


@pytest.mark.parametrize("texts", [texts_of_templates, texts_of_code])
def test_every_text_is_in_the_catalogue(texts):
    wanted = {key for key in texts() if not is_translated_by_django(key)}

    assert len(wanted) > 100
    assert sorted(wanted - CATALOGUED.keys()) == []


def is_translated_by_django(key: tuple[str, str]) -> bool:
    """The admin's own words, in templates of ours that stand in for the admin's."""
    folder = Path(trans_real.__file__).parents[2] / "contrib" / "admin" / "locale"
    with (folder / "fr" / "LC_MESSAGES" / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    return bool({key[1], (key[1], 0)} & set(catalogue._catalog))


# What is the same in both languages: names, and words of Kafka's that agents meet as they are.
ALIKE = {
    *("bankportal", "CSV", "PDF", "EN", "FR", "English", "Français", "français"),
    *("topic", "partition", "offset"),
}
TAGS = re.compile(
    r"{%\s*block bodyclass.*?endblock\s*%}|{%\s*blocktranslate.*?endblocktranslate\s*%}"
    r"|{%.*?%}|{{.*?}}|{#.*?#}|<!--.*?-->",
    re.S,
)
SAID = re.compile(r'(?:aria-label|placeholder|title|alt|data-text)="([^"]*)"|>([^<>]*)<')


def test_no_template_says_a_word_that_is_not_translated():
    words = {}
    for file in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        text = TAGS.sub(" ", file.read_text(encoding="utf-8"))
        said = " ".join(" ".join(each) for each in SAID.findall(f">{text}<"))
        # An attribute that a block gives to the tag of another template is not said.
        said = re.sub(r"&\w+;|[\w-]+=\"[^\"]*\"", " ", said)
        if found := set(re.findall(r"[^\W\d_]{2,}", said)) - ALIKE:
            words[file.name] = found

    assert words == {}


LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`')
NOT_SAID = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*|new Error\(.*?\);", re.S)
WORDS = re.compile(r"[A-Za-z]{2,}[,:]? [a-z]{2,}")


def test_no_script_says_words_of_its_own():
    """Scripts take their words from the page, in its language."""
    said = {}
    for file in (Path(settings.BASE_DIR) / "static" / "js").glob("*.js"):
        code = NOT_SAID.sub("", file.read_text(encoding="utf-8"))
        literals = [re.sub(r"\$\{.*\}", "", each) for each in LITERAL.findall(code)]
        found = [each for each in literals if WORDS.search(each)]
        if found := [
            each
            for each in found
            if not re.search(r"[\[\]#>=]|prefers-|color-mix|--|^.input", each)
        ]:
            said[file.name] = found

    assert said == {}


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
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    for (context, english), forms in CATALOGUED.items():
        if len(forms) > 1:
            assert [compiled.ngettext(english, english, n) for n in (1, 2)] == forms
        elif context:
            assert compiled.pgettext(context, english) == forms[0]
        else:
            assert compiled.gettext(english) == forms[0]
