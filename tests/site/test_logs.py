"""What a page that fails leaves in the log of a real process."""

import re

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
    print(client.get("/accounts/", headers={{"host": "localhost"}}).status_code)
"""
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"


def test_a_trouble_that_passes_is_one_line_with_remedy_and_time_zone(tmp_path):
    under(tmp_path, "manage.py", "migrate", "-v0")

    done = under(tmp_path, "-c", ASK.format(says="database is locked"), TIME_ZONE="Asia/Kolkata")

    assert done.stdout.split() == ["503"]
    [line] = done.stderr.splitlines()
    assert re.fullmatch(
        rf"{STAMP} ERROR django.request: Service Unavailable: /accounts/ \(The database cannot be "
        r"used: database is locked\. Another program holds the database: .*\)",
        line,
    )
    assert line[23:29] == "+05:30"


def test_a_fault_of_ours_keeps_its_traceback(tmp_path):
    under(tmp_path, "manage.py", "migrate", "-v0")

    done = under(tmp_path, "-c", ASK.format(says="no such function: alas"))

    assert done.stdout.split() == ["500"]
    assert "Traceback" in done.stderr
    assert "no such function: alas" in done.stderr
