"""The dashboard's page and its data without the page: panels of a layout, ruled by one filter."""

import re
from pathlib import Path

import pytest
from django.conf import settings as portal

from accounts.selectors.filters import usual_range
from tests.accounts.conftest import (  # noqa: F401
    bank,
    forgotten_attempts,
    plain_static_files,
    signed_in,
)
from tests.accounts.test_submit_page import plain


@pytest.mark.parametrize("who", ["teller", "supervisor", "auditor", "administrator"])
def test_each_role_has_a_page_with_the_panels_of_its_layout(bank, signed_in, who):  # noqa: F811
    response = signed_in(getattr(bank, who)).get("/dashboard/")

    assert response.status_code == 200
    assert 'data-panel="totals" data-width="12" data-height="usual"' in plain(response)


def test_a_filter_rules_every_panel_of_the_data(bank, signed_in):  # noqa: F811
    client = signed_in(bank.auditor)

    def shown(**query):
        query["panels"] = "totals,heat,live,nothing"
        return client.get("/dashboard/figures/", query).json()

    everything, filtered = shown(range="all"), shown(account="c900")

    assert set(everything["figures"]) == {"totals", "heat", "live"}
    assert everything["figures"]["totals"]["deposits_minor"] == 90_700
    assert filtered["figures"]["totals"]["deposits_minor"] == 7_700
    assert [row["account"] for row in filtered["figures"]["heat"]["rows"]] == ["C900"]
    assert [row["account"] for row in filtered["figures"]["live"]["rows"]] == ["C900"]
    assert filtered["query"] == f"range={usual_range(bank.auditor)}&account=C900"


def test_every_module_of_the_page_is_asked_for_at_once(bank, signed_in):  # noqa: F811
    """Guard: the links that preload. Without them each layer of imports waits for the last one."""
    page = signed_in(bank.auditor).get("/dashboard/").content.decode()
    head = page.partition("</head>")[0]
    asked = re.findall(r'(?:rel="modulepreload" href|type="module" src)="/static/js/([^"]+)"', head)

    imported = set()
    for name in asked:
        text = (Path(portal.BASE_DIR) / "static" / "js" / name).read_text(encoding="utf-8")
        imported |= set(re.findall(r'from "\./([^"]+)"', text))

    assert len(imported) > 20
    assert imported - set(asked) == set()
    assert len(asked) == len(set(asked))
