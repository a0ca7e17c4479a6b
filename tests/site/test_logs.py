"""What a page that fails leaves in the log of a real process."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from bankportal.logs import as_json
from bankportal.start import say
from tests.databases import copy_database, database_of, only_on
from tests.site.test_production import PRODUCTION, under

ASK = """
import django; django.setup()
from django.db import OperationalError, connection
from django.test import Client

def fail(*_query):
    raise OperationalError({says!r})

with connection.execute_wrapper(fail):
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x" * 32
    print(client.{method}("{path}", headers={{"host": "localhost"}}).status_code)
"""
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"

in_words_of_sqlite = only_on("sqlite", "what its driver says")


def under_bank(folder: Path, code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a process of the portal of ``folder``."""
    return under(folder, "-c", code, DATABASE_URL=database_of(folder).url, **settings)


@in_words_of_sqlite
@pytest.mark.parametrize(
    ("method", "path"), [("get", "/accounts/"), ("post", "/transactions/new/")]
)
def test_a_trouble_that_passes_is_one_line_with_remedy_and_time_zone(
    empty_database, tmp_path, method, path
):
    copy_database(empty_database, tmp_path)
    ask = ASK.format(says="database is locked", method=method, path=path)

    done = under_bank(tmp_path, ask, TIME_ZONE="Asia/Kolkata")

    assert done.stdout.split() == ["503"]
    [line] = done.stderr.splitlines()
    assert re.fullmatch(
        rf"{STAMP} ERROR django.request: Service Unavailable: {path} \(The database cannot be "
        r"used: database is locked\. Another program holds the database: .*\)",
        line,
    )
    assert line[23:29] == "+05:30"


@in_words_of_sqlite
def test_a_fault_of_ours_keeps_its_traceback(empty_database, tmp_path):
    copy_database(empty_database, tmp_path)

    ask = ASK.format(says="no such function: alas", method="get", path="/accounts/")

    done = under_bank(tmp_path, ask)

    assert done.stdout.split() == ["500"]
    assert "Traceback" in done.stderr
    assert "no such function: alas" in done.stderr


ANSWERS = """
import django; django.setup()
from django.test import Client
from accounts.models import Agent, Branch, Role

def ask(role, method, path):
    branch = Branch.objects.create(code=role, name=role) if role == Role.TELLER else None
    client = Client(headers={"host": "localhost"})
    client.force_login(Agent.objects.create(username=role, role=role, branch=branch))
    for each in path.split():
        print(getattr(client, method)(each, follow=True).status_code)

ask(Role.OPERATOR, "get", "/accounts/ /nowhere/")
ask(Role.TELLER, "post", "/admin/ /transactions/new/")
for host in ("evil.example", "localhost"):
    kind = "application/x-www-form-urlencoded; charset=utf-7"
    print(Client(headers={"host": host}).post("/auth/login/", "a", content_type=kind).status_code)
"""


def test_a_refused_page_is_one_line_and_what_was_mistyped_none(empty_database, tmp_path):
    copy_database(empty_database, tmp_path)

    done = under_bank(tmp_path, ANSWERS)

    assert done.stdout.split() == ["403", "404", "403", "422", "400", "400"]
    *pages, host, encoding = (line.split(": ", 1)[1] for line in done.stderr.splitlines())
    assert pages == [
        "Forbidden (Permission denied): /accounts/",
        "Forbidden (Permission denied): /admin/login/",
    ]
    assert "Invalid HTTP_HOST header: 'evil.example'" in host
    assert "must be UTF-8 encoded.: /auth/login/" in encoding


ADDRESSES = """
import django; django.setup()
from django.test import Client
from accounts.models import Agent, Branch, Role

branch = Branch.objects.create(code="lyon", name="Lyon")
teller = Agent.objects.create(username="teller", role=Role.TELLER, branch=branch)
operator = Agent.objects.create(username="operator", role=Role.OPERATOR)

def ask(agent, method, path, **options):
    client = Client(headers={"host": "localhost"}, **options)
    client.force_login(agent)
    status = getattr(client, method)(path).status_code
    print(status)
    return status

ask(operator, "get", "/accounts/marked/")
ask(teller, "post", "/accounts/marked/")
ask(teller, "post", "/accounts/marked/", enforce_csrf_checks=True)
ask(teller, "get", "/accounts/marked/statement.csv?from=marked")
ask(teller, "put", "/accounts/marked/")
while ask(teller, "get", "/accounts/marked/statement.pdf?from=marked") != 429:
    pass
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_tells_what_stands_in_an_address(empty_database, tmp_path, form):
    """Meant to fail with what Django says of answers that refuse: it names the address."""
    copy_database(empty_database, tmp_path)

    done = under_bank(tmp_path, ADDRESSES, LOG_FORMAT=form)

    assert done.stdout.split()[:5] == ["403", "405", "403", "400", "405"]
    assert done.stdout.split()[-1] == "429"
    assert "Method Not Allowed (POST): /accounts/<number>/" in done.stderr
    assert "marked" not in done.stderr


FORMATS = """
import logging
import django; django.setup()
from accounts.models import Agent, Role
from django.test import Client

logging.getLogger("accounts").warning("a line\\nand another, with %s", "é")
client = Client(headers={"host": "localhost"}, raise_request_exception=False)
client.force_login(Agent.objects.create(username="operator", role=Role.OPERATOR))
print(client.get("/accounts/?account=marked").status_code)
print(client.get("/accounts/marked/?x=marked").status_code)
from unittest import mock
with mock.patch("bankportal.health.JsonResponse", side_effect=ValueError("alas")):
    print(client.get("/health/live").status_code)
"""


def test_json_is_one_object_a_line_with_agent_and_pattern_and_without_what_was_asked(
    empty_database, tmp_path
):
    copy_database(empty_database, tmp_path)

    done = under_bank(tmp_path, FORMATS, LOG_FORMAT="json", TIME_ZONE="Asia/Kolkata")

    said, refused, access, *_others, fault, ended = map(json.loads, done.stderr.splitlines())
    assert done.stdout.split()[0] == "403"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+05:30", said.pop("time"))
    assert said == {
        "level": "WARNING",
        "logger": "accounts",
        "message": "a line\nand another, with é",
    }
    assert (refused["logger"], refused["agent"], refused["path"]) == (
        "django.request",
        1,
        "/accounts/",
    )
    assert (access["status"], access["method"], access["path"]) == (403, "GET", "/accounts/")
    assert access["trace_id"] == refused["trace_id"] != ended["trace_id"]
    assert "ValueError: alas" in fault["exception"]
    assert (ended["status"], ended["trace_id"]) == (500, fault["trace_id"])
    assert "x=marked" not in done.stderr
    assert "account=marked" not in done.stderr


def test_text_has_no_line_for_each_request(empty_database, tmp_path):
    copy_database(empty_database, tmp_path)

    done = under_bank(tmp_path, FORMATS)

    assert "bankportal.access" not in done.stderr
    assert "WARNING accounts: a line" in done.stderr


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ({}, "text"),
        (PRODUCTION, "json"),
        ({**PRODUCTION, "LOG_FORMAT": "text"}, "text"),
    ],
)
def test_beyond_this_machine_logs_are_for_programs(tmp_path, settings, chosen):
    ask = "from django.conf import settings; print(settings.LOG_FORMAT)"

    assert under(tmp_path, "-c", ask, **settings).stdout.split() == [chosen]


def test_what_a_process_prints_is_made_json_and_json_is_left_as_it_is():
    line = '{"message": "mine"}'

    assert as_json("relay", line) == line
    for plain in ("Kafka is ready at 127.0.0.1:9092", "{not json", '"quoted"'):
        made = json.loads(as_json("broker", plain))
        assert (made["logger"], made["message"]) == ("broker", plain)


def test_all_that_the_supervisor_passes_on_is_json_where_that_is_wanted(capsys, settings):
    settings.LOG_FORMAT = "json"

    for name, line in (("portal", ""), ("portal", "Ctrl-C stops everything."), ("web", "{}")):
        say(name, line)

    told, passed_on = map(json.loads, capsys.readouterr().out.splitlines())
    assert (told["logger"], told["message"]) == ("portal", "Ctrl-C stops everything.")
    assert passed_on == {}


def test_the_password_of_a_first_start_is_no_line_of_a_log(empty_database, tmp_path):
    copy_database(empty_database, tmp_path)

    done = under(tmp_path, "-m", "bankportal.prepare", LOG_FORMAT="json")

    said = [json.loads(line)["message"] for line in done.stdout.splitlines()]
    kept = (tmp_path / "sign-in.txt").read_text()
    password = re.search(r"Password of each: (\S+)", kept)[1]
    assert said[-1] == f"Password of each: kept in {tmp_path / 'sign-in.txt'}"
    assert password not in done.stdout + done.stderr
