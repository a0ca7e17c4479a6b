"""The portal as a bank would run it: real hosts, TLS before it, a key of its own."""

import subprocess
import sys

import pytest

from tests.site.conftest import ROOT, clean_environment
from tests.site.test_settings import GOOD_KEY

PRODUCTION = {"ALLOWED_HOSTS": "bank.example", "SECRET_KEY": GOOD_KEY}

ASK = """
import django; django.setup()
from django.test import Client
client = Client(headers={"host": "bank.example"})
plain = client.get("/auth/login/")
print(plain.status_code, plain.headers.get("Location"))
safe = client.get("/auth/login/", headers={"x-forwarded-proto": "https"})
print(safe.status_code, safe.headers["Strict-Transport-Security"])
print(safe.cookies)
print(client.get("/health/live").status_code)
"""


def under(tmp_path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=clean_environment()
        | {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "bankportal.settings"}
        | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_djangos_check_for_deployment_has_nothing_to_say(tmp_path):
    done = under(
        tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION
    )

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize("command", [["-m", "bankportal"], ["manage.py", "check"]])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"CSRF_TRUSTED_ORIGINS": "http://bank.example"}, "CSRF_TRUSTED_ORIGINS"),
        ({"DEBUG": "on"}, "DEBUG is on"),
        ({"DATABASE_URL": "postgres://bank@db.example/bank"}, "sslmode=verify-full"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"}, "KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_it_does_not_start_unsafely(tmp_path, command, changes, reason):
    done = under(tmp_path, *command, **(PRODUCTION | changes))

    assert done.returncode != 0
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_pages_are_served_by_https_alone_with_cookies_that_stay_there(tmp_path):
    done = under(tmp_path, "-c", ASK, **PRODUCTION)

    plain, safe, cookies, health = done.stdout.strip().splitlines()
    assert plain == "301 https://bank.example/auth/login/"
    assert safe.startswith("200 max-age=31536000")
    assert "__Host-csrftoken" in cookies
    assert "Secure" in cookies
    assert health == "200"


def test_every_cookie_is_for_this_host_and_https_alone(tmp_path):
    ask = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
from accounts.models import Agent
client = Client(headers={"host": "bank.example", "x-forwarded-proto": "https"})
client.get("/auth/login/")
client.post("/i18n/setlang/", {"language": "en"})
client.force_login(Agent.objects.create_user("auditor", role="auditor"))
session = client.session
session["active_at"] = 0
session.save()
# Says that the session has ended.
client.get("/accounts/")
client.cookies["__Host-theme"] = "dark"
assert 'data-theme="dark"' in client.get("/auth/login/").content.decode()
del client.cookies["__Host-theme"]
for cookie in client.cookies.values():
    print(cookie.key, cookie["secure"], cookie["path"], cookie["domain"], cookie["samesite"])
"""

    done = under(tmp_path, "-c", ask, **PRODUCTION)

    wanted = [f"__Host-{name}" for name in ("csrftoken", "language", "messages", "sessionid")]
    assert sorted(done.stdout.splitlines()) == [f"{name} True /  Lax" for name in wanted]


def test_whoever_is_no_proxy_cannot_say_that_a_request_came_by_https(tmp_path):
    ask = """
import django; django.setup()
from django.test import Client
said = Client(headers={"host": "bank.example", "x-forwarded-proto": "https"})
print(said.get("/auth/login/", REMOTE_ADDR="192.0.2.9").status_code)
print(said.get("/auth/login/", REMOTE_ADDR="10.0.0.9").status_code)
"""

    done = under(tmp_path, "-c", ask, **PRODUCTION, TRUSTED_PROXIES="10.0.0.0/8")

    assert done.stdout.split() == ["301", "200"], done.stderr


def test_no_key_is_written_where_one_is_given(tmp_path):
    under(tmp_path, "manage.py", "check", **PRODUCTION)

    assert not (tmp_path / "secret-key.txt").exists()


def test_a_key_of_its_own_is_made_where_only_this_machine_can_ask(tmp_path):
    under(tmp_path, "manage.py", "check")
    key = tmp_path / "secret-key.txt"
    first = key.read_text()

    under(tmp_path, "manage.py", "check")

    assert key.stat().st_mode & 0o777 == 0o600
    assert len(first.strip()) >= 50
    assert key.read_text() == first
