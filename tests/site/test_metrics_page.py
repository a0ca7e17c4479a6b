"""Who is given the figures at /metrics, and who is not."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from bankportal.setting_rules import bearer_token, refuse_open_metrics
from tests.site.test_production import PRODUCTION, under

TOKEN = "t0ken-of-at-least-24-signs"
pytestmark = pytest.mark.django_db


def ask(client, authorization: str = "", **request):
    headers = {"authorization": authorization} if authorization else {}
    return client.get("/metrics", headers=headers, **request)


@pytest.fixture
def local(settings):
    settings.METRICS_TOKEN, settings.IS_LOCAL, settings.TRUSTED_PROXIES = "", True, []
    return settings


def test_this_machine_reads_the_figures_of_a_portal_that_serves_no_other(client, local):
    answer = ask(client)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "bankportal_ledger_is_readable 1.0" in answer.content.decode()


def test_another_machine_does_not(client, local):
    answer = ask(client, REMOTE_ADDR="192.0.2.7")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "bankportal_" not in answer.content.decode()


@pytest.mark.parametrize("token", ["", TOKEN])
def test_beyond_this_machine_none_is_let_in_without_the_token_not_even_from_here(
    client, settings, token
):
    settings.IS_LOCAL, settings.METRICS_TOKEN = False, token

    for authorization in ("", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer None"):
        assert ask(client, authorization).status_code == 401, authorization
    assert ask(client, f"Bearer {TOKEN}").status_code == (200 if token else 401)


def test_a_signed_in_agent_is_no_token(client, settings, django_user_model):
    settings.METRICS_TOKEN = TOKEN
    client.force_login(django_user_model.objects.create(username="op", role="operator"))

    assert ask(client).status_code == 401


def test_requests_are_counted_by_method_and_status_and_by_nothing_that_was_typed(client, local):
    client.get("/accounts/C100/?q=typed")
    client.generic("BREW", "/accounts/")

    text = ask(client).content.decode()

    assert 'bankportal_web_request_seconds_count{method="GET",status="302"}' in text
    assert 'bankportal_web_request_seconds_count{method="-",status="405"}' in text
    assert "C100" not in text
    assert "BREW" not in text


def test_a_scrape_by_plain_http_is_led_nowhere(tmp_path):
    code = f"""
import django; django.setup()
from django.test import Client
headers = {{"host": "bank.example", "authorization": "Bearer {TOKEN}"}}
print(Client().get("/metrics").status_code, Client(headers=headers).get("/metrics").status_code)
"""
    done = under(tmp_path, "-c", code, **PRODUCTION, METRICS_TOKEN=TOKEN)

    assert done.stdout.split() == ["400", "200"], done.stderr


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"METRICS_PORT": "9400", "METRICS_HOST": "0.0.0.0"}, "METRICS_TOKEN is not set"),
        # A command may be told its port by --metrics-port.
        ({"METRICS_HOST": "0.0.0.0"}, "METRICS_TOKEN is not set"),
        ({"METRICS_TOKEN": "too-short"}, "METRICS_TOKEN cannot be used"),
        ({"METRICS_PORT": "65534"}, "METRICS_PORT is '65534'"),
    ],
)
def test_settings_that_would_tell_everybody_are_refused(tmp_path, changes, reason):
    done = under(tmp_path, "manage.py", "check", **changes)

    assert done.returncode == 78
    assert reason in done.stderr
    assert "too-short" not in done.stderr


def test_an_empty_host_is_this_machine_and_not_every_address(tmp_path):
    code = "from django.conf import settings; print(settings.METRICS_HOST)"

    done = under(tmp_path, "-c", code, METRICS_HOST="", METRICS_PORT="9400")

    assert done.stdout.strip() == "127.0.0.1", done.stderr


def test_what_is_safe_is_taken():
    assert bearer_token("METRICS_TOKEN", TOKEN) == TOKEN
    refuse_open_metrics("0.0.0.0", TOKEN)
    refuse_open_metrics("::1", "")
    with pytest.raises(ImproperlyConfigured):
        refuse_open_metrics("", "")
