"""What a page that fails leaves in the log of a real process."""

import re
import shutil

import pytest

from tests.site.test_production import under

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


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/accounts/"), ("post", "/transactions/new/")]
)
def test_a_trouble_that_passes_is_one_line_with_remedy_and_time_zone(
    empty_database, tmp_path, method, path
):
    shutil.copy(empty_database, tmp_path / "bankportal.sqlite3")
    ask = ASK.format(says="database is locked", method=method, path=path)

    done = under(tmp_path, "-c", ask, TIME_ZONE="Asia/Kolkata")

    assert done.stdout.split() == ["503"]
    [line] = done.stderr.splitlines()
    assert re.fullmatch(
        rf"{STAMP} ERROR django.request: Service Unavailable: {path} \(The database cannot be "
        r"used: database is locked\. Another program holds the database: .*\)",
        line,
    )
    assert line[23:29] == "+05:30"


def test_a_fault_of_ours_keeps_its_traceback(empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "bankportal.sqlite3")

    ask = ASK.format(says="no such function: alas", method="get", path="/accounts/")

    done = under(tmp_path, "-c", ask)

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
"""


def test_a_refused_page_is_one_line_and_what_was_mistyped_none(empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "bankportal.sqlite3")

    done = under(tmp_path, "-c", ANSWERS)

    assert done.stdout.split() == ["403", "404", "403", "422"]
    assert [line.split(": ", 1)[1] for line in done.stderr.splitlines()] == [
        "Forbidden (Permission denied): /accounts/",
        "Forbidden (Permission denied): /admin/login/",
    ]
