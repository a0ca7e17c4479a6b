"""The style guide: every component is on it, and nobody but who builds pages sees it."""

from pathlib import Path

import pytest
from django.conf import settings as portal
from django.test import Client

from bankportal.styleguide import ICONS
from tests.accounts.test_pages_in_both_languages import strangers

TEMPLATES = Path(portal.BASE_DIR) / "templates"


@pytest.fixture
def guide(db, settings):
    """Open the guide as somebody, in a language."""

    def open_guide(client: Client | None = None, language: str = "fr"):
        settings.DEBUG = True
        client = client or Client()
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        return client.get("/styleguide/")

    return open_guide


def test_every_component_is_shown_from_its_own_template(guide):
    components = {f"components/{path.name}" for path in (TEMPLATES / "components").iterdir()}

    shown = {template.name for template in guide().templates}

    assert len(components) > 15
    assert components - shown == set()


def test_every_symbol_is_shown(guide):
    sprite = (TEMPLATES / "components" / "sprite.html").read_text(encoding="utf-8")

    assert set(ICONS) == {part.split('"')[0] for part in sprite.split('id="i-')[1:]}


def test_each_component_stands_in_both_themes_and_no_id_twice(guide, bank, signed_in):
    page = guide(signed_in(bank.teller)).content.decode()

    assert page.count('data-theme="light"') == page.count('data-theme="dark"') == 1
    for sign in ("badge--approval", "badge--dead", 'data-live-badge-of="stale"', "is-stale"):
        assert page.count(sign) >= 2, sign
    names = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_guide_speaks_one_language(guide, language):
    response = guide(language=language)

    assert strangers(language, [("guide", response)]) == {}


def test_without_debug_there_is_none(bank, signed_in):
    assert signed_in(bank.administrator).get("/styleguide/").status_code == 404
    assert Client().get("/styleguide/").status_code == 404
