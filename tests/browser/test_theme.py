"""The cookie that keeps the theme, which a script sets: as well guarded as the portal's own."""

from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "js" / "theme.js"
PAGE = """<!doctype html><button data-toggle-theme>theme</button>
<script type="module">import { startTheme } from "/theme.js"; startTheme();</script>"""


@pytest.mark.parametrize(
    ("origin", "name", "is_secure"),
    [
        ("https://portal.example.org", "__Host-theme", True),
        ("http://localhost:8000", "theme", False),
    ],
)
def test_the_cookie_of_the_theme_is_for_this_host_and_tls_where_there_is_tls(
    chromium, origin, name, is_secure
):
    context = chromium.new_context(color_scheme="light")
    context.route(
        "**/theme.js",
        lambda route: route.fulfill(body=SCRIPT.read_text(), content_type="text/javascript"),
    )
    context.route(f"{origin}/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page = context.new_page()
    page.goto(f"{origin}/")

    page.click("button")

    (cookie,) = context.cookies()
    assert (cookie["name"], cookie["value"]) == (name, "dark")
    assert (cookie["secure"], cookie["sameSite"], cookie["path"]) == (is_secure, "Lax", "/")
    # One with a domain would be for its other hosts as well.
    assert not cookie["domain"].startswith(".")
    context.close()
