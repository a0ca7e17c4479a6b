"""What a command does not use, it does not import: each start would pay for it."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

WEB_SERVER = {"daphne", "twisted", "autobahn", "OpenSSL"}
# What only the pages of sign-in use.
OF_SIGN_IN = {"fido2", "cryptography", "qrcode"}
# Loads each command that processes of the portal or its users run, as Django's start does.
_LOAD = """
import json, sys
import django
django.setup()
from django.core.management import get_commands, load_command_class
ours = {name: app for name, app in get_commands().items() if app in ("bankportal", "streaming")}
for name, app in ours.items():
    if name != "runserver":
        load_command_class(app, name)
before = {name.partition(".")[0] for name in sys.modules}
load_command_class(ours["runserver"], "runserver")
after = {name.partition(".")[0] for name in sys.modules}
print(json.dumps([sorted(ours), sorted(before), sorted(after)]))
"""


@pytest.fixture(scope="module")
def loaded() -> list[set[str]]:
    """Give the commands, what all but ``runserver`` import, and what that one adds to it."""
    ran = subprocess.run(
        [sys.executable, "-c", _LOAD], cwd=settings.BASE_DIR, capture_output=True, check=True
    )
    return list(map(set, json.loads(ran.stdout)))


def test_no_command_imports_the_web_server(loaded) -> None:
    commands, modules, _all = loaded

    assert {"run_relay", "run_consumer", "run_broker", "doctor"} <= commands
    assert not modules & (WEB_SERVER | OF_SIGN_IN)


def test_the_development_server_has_sockets(loaded) -> None:
    assert "daphne" in loaded[2]


def test_the_collector_of_garbage_is_at_work_in_a_command() -> None:
    """Meant to fail where a start leaves it off: a process that runs for weeks needs it."""
    words = ["manage.py", "shell", "-v0", "-c", "import gc; print(gc.isenabled())"]

    ran = subprocess.run(
        [sys.executable, *words], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )

    assert ran.stdout == "True\n"
