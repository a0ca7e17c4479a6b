"""What a command does not use, it does not import: each start would pay for it."""

import json
import subprocess
import sys
from typing import NamedTuple

import pytest
from django.conf import settings

WEB_SERVER = {"daphne", "twisted", "autobahn", "OpenSSL"}
# What only the pages of sign-in use.
OF_SIGN_IN = {"fido2", "cryptography", "qrcode"}
# What every command starts with: what Django is set up with, and no more.
AT_A_START = {
    *("accounts", "allauth", "asgiref", "axes", "bankportal", "channels", "csp", "django"),
    *("environ", "msgspec", "packaging", "pysqlite3", "sqlparse", "streaming", "whitenoise"),
    # Where DATABASE_URL says PostgreSQL.
    *("psycopg", "psycopg_binary"),
}
# Of the interpreter and its installation.
OF_PYTHON = {"__main__", "__mp_main__", "_distutils_hack", "typing_extensions"}
# What those need besides that speak to Kafka, and ``run_broker`` and ``doctor``, which fetch it.
OF_KAFKA = {"confluent_kafka", "psutil", "truststore"}
ASK_NO_KAFKA = {
    *("export_transactions", "verify_audit", "discard", "run_demo_trickle", "createsuperuser")
}
# How many modules all commands together load: some 990, of which one command has 780 to 870. The
# processor's time of a start is a figure of ``bench.start``, and no matter for a test.
MOST_MODULES = 1_100
# Loads each command that processes of the portal or its users run, as Django's start does.
_LOAD = """
import json, sys
import django
django.setup()
from django.core.management import get_commands, load_command_class
ours = {name: app for name, app in get_commands().items() if app in ("bankportal", "streaming")}
quiet = sys.argv[1:]

def modules(names):
    for name in names:
        load_command_class(ours[name], name)
    return sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names)

print(json.dumps([
    sorted(ours),
    modules(name for name in ours if name in quiet),
    modules(name for name in ours if name != "runserver"),
    [str(len(sys.modules))],
    modules(["runserver"]),
]))
"""


class Loaded(NamedTuple):
    """Our commands, and what is imported once some, all but one, or all of them are loaded."""

    commands: set[str]
    of_those_without_kafka: set[str]
    of_all: set[str]
    module_count: int
    with_development_server: set[str]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    """Load the commands in a process of their own."""
    words = [sys.executable, "-c", _LOAD, *sorted(ASK_NO_KAFKA)]
    ran = subprocess.run(words, cwd=settings.BASE_DIR, capture_output=True, check=True)
    commands, quiet, every, (count,), server = json.loads(ran.stdout)
    return Loaded(set(commands), set(quiet), set(every), int(count), set(server))


def test_each_command_starts_by_itself(loaded: Loaded) -> None:
    """Red where one imports what only another one has imported before it.

    Most tests run commands in processes that have imported some of it.
    """
    for name in sorted(loaded.commands):
        words = [sys.executable, "manage.py", name, "--help"]
        ran = subprocess.run(words, cwd=settings.BASE_DIR, capture_output=True, check=False)

        assert ran.stdout.startswith(f"usage: manage.py {name} ".encode()), ran.stderr


def test_no_command_imports_the_web_server(loaded: Loaded) -> None:
    assert {"run_relay", "run_consumer", "run_broker", "doctor"} <= loaded.commands
    assert not loaded.of_all & (WEB_SERVER | OF_SIGN_IN)


def test_a_command_that_asks_kafka_nothing_does_not_import_its_client(loaded: Loaded) -> None:
    assert loaded.commands >= ASK_NO_KAFKA
    assert not loaded.of_those_without_kafka & OF_KAFKA


def test_the_commands_import_nothing_else_than_what_they_are_known_to_need(loaded: Loaded) -> None:
    """A new name here is paid for at each start: import it where it is used, or say why not."""
    found = {name for name in loaded.of_all if not name.startswith("_sysconfigdata")}

    assert found - AT_A_START - OF_KAFKA - OF_PYTHON == set()


def test_all_commands_together_load_a_bounded_number_of_modules(loaded: Loaded) -> None:
    assert loaded.module_count <= MOST_MODULES


def test_the_development_server_has_sockets(loaded: Loaded) -> None:
    assert "daphne" in loaded.with_development_server


def test_the_collector_of_garbage_is_at_work_in_a_command() -> None:
    """Meant to fail where a start leaves it off: a process that runs for weeks needs it."""
    words = ["manage.py", "shell", "-v0", "-c", "import gc; print(gc.isenabled())"]

    ran = subprocess.run(
        [sys.executable, *words], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )

    assert ran.stdout == "True\n"
