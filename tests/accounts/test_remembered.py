"""Parts of pages that are rendered once: never shown where they would read otherwise."""

from datetime import UTC, datetime
from unittest import mock
from uuid import UUID

from django.template import Context, Template
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import override

from accounts.selectors.live_rows import LiveRow


def rendered(source: str, **known: object) -> str:
    return Template(source).render(Context(known))


def test_a_part_is_rendered_once_for_the_same() -> None:
    source = '{% remembered "components/kind.html" kind=77 %}'

    with mock.patch("accounts.templatetags.remembered.Context", wraps=Context) as inner:
        texts = {rendered(source) for _ in range(3)}

    assert texts == {render_to_string("components/kind.html", {"kind": 77})}
    assert inner.call_count == 1


def test_a_part_speaks_the_language_of_the_page() -> None:
    source = '{% remembered "components/badge.html" state="posted" %}'

    with override("en"):
        english = rendered(source)
    with override("fr"):
        french = rendered(source)

    assert "Posted" in english
    assert "Comptabilisé" in french


def test_a_part_knows_only_what_it_is_given() -> None:
    source = '{% remembered "components/empty.html" title="None" %}'

    assert "Secret" not in rendered(source, text="Secret")


def test_a_text_is_escaped_also_where_the_same_was_safe() -> None:
    source = '{% remembered "components/empty.html" title=title %}'

    assert "<h3><b>x</b></h3>" in rendered(source, title=mark_safe("<b>x</b>"))
    assert "&lt;b&gt;x" in rendered(source, title="<b>x</b>")


def test_the_time_of_a_row_gives_way_to_its_date_the_day_after() -> None:
    noon, next_noon = (datetime(2026, 3, day, 12, tzinfo=UTC) for day in (14, 15))
    at_ms = int(noon.timestamp()) * 1_000
    row = LiveRow(UUID(int=1), "A", "", "deposit", "posted", "", 1, 1, noon.date(), at_ms, False)
    context = {"rows": [row], "at_once": True}

    with override("en"), mock.patch("django.utils.timezone.now") as now:
        now.return_value = noon
        at_noon = render_to_string("streaming/rows.html", context)
        now.return_value = next_noon
        a_day_later = render_to_string("streaming/rows.html", context)

    assert "13:00:00" in at_noon
    assert "13:00:00" not in a_day_later
    assert "14 Mar" in a_day_later
