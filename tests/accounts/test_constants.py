"""Texts and addresses that are looked up once: the same as Django's, wherever that can differ."""

import re
from pathlib import Path
from unittest import mock

import pytest
from django.conf import settings
from django.template import Context, Template, engines
from django.urls import NoReverseMatch, path, set_script_prefix
from django.utils.safestring import SafeString
from django.utils.translation import override

# What a second site of its own has, for a test.
urlpatterns = [path("elsewhere/", lambda _request: None, name="accounts")]


def rendered(source: str, **known: object) -> str:
    return Template(source).render(Context(known))


@pytest.mark.parametrize(
    ("source", "english", "french"),
    [
        ('{% translate "Accounts" %}', "Accounts", "Comptes"),
        ("{% translate 'Accounts' as x %}-{{ x }}", "-Accounts", "-Comptes"),
        ('{% translate "Copy" context "verb" %}', "Copy", "Copier"),
        ('{% translate "Accounts" noop %}', "Accounts", "Accounts"),
        ('{% translate "<5 % & more" %}', "<5 % & more", "<5 % & more"),
        ('{% trans "Accounts"|upper %}', "ACCOUNTS", "COMPTES"),
    ],
)
def test_a_text_is_in_the_language_of_each_look(source: str, english: str, french: str) -> None:
    template = Template(source)

    for language, text in (("en", english), ("fr", french)) * 2:
        with override(language):
            assert template.render(Context()) == text


def test_a_text_is_looked_up_once_for_each_language() -> None:
    template = Template('{% translate "Dashboard" %}{% url "accounts" %}')
    with (
        mock.patch("django.template.base.gettext_lazy", side_effect=SafeString) as looked_up,
        mock.patch("django.urls.reverse", return_value="/x") as reversed_,
        override("en"),
    ):
        assert {template.render(Context()) for _ in range(3)} == {"Dashboard/x"}

    assert looked_up.call_count == reversed_.call_count == 1


def test_what_a_variable_says_is_looked_up_each_time() -> None:
    template = Template("{% translate word %} {% url name %}")

    with override("fr"):
        first = template.render(Context({"word": "Accounts", "name": "accounts"}))
        second = template.render(Context({"word": "Deposits", "name": "transactions"}))

    assert first == "Comptes /accounts/"
    assert second == "Dépôts /transactions/"


def test_an_address_is_that_of_where_the_site_stands(settings) -> None:
    template = Template('{% url "accounts" %}')
    assert template.render(Context()) == "/accounts/"

    set_script_prefix("/bank/")
    try:
        assert template.render(Context()) == "/bank/accounts/"
    finally:
        set_script_prefix("/")
    settings.ROOT_URLCONF = __name__
    assert template.render(Context()) == "/elsewhere/"


def test_an_address_that_is_none_fails_each_time() -> None:
    template = Template('{% url "no-such-view" %}')

    for _ in range(2):
        with pytest.raises(NoReverseMatch):
            template.render(Context())
    assert rendered('{% url "no-such-view" as x %}[{{ x }}]') == "[]"


def test_addresses_with_an_object_differ_by_it() -> None:
    template = Template('{% url "account" number %}')

    assert template.render(Context({"number": "A"})) == "/accounts/A/"
    assert template.render(Context({"number": "B"})) == "/accounts/B/"


def test_no_template_of_ours_loads_what_looks_up_anew() -> None:
    assert "accounts.templatetags.constants" in engines["django"].engine.builtins
    templates = [*Path(settings.BASE_DIR, "templates").rglob("*")]

    loading = [
        each
        for each in templates
        if each.is_file() and re.search(r"\{% load [^%]*\bi18n\b", each.read_text(encoding="utf-8"))
    ]

    assert templates
    assert loading == []
