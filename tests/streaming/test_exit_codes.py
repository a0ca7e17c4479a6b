"""By its exit code a command says whether running it again can help."""

from importlib import import_module

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError

from accounts.history import HistoryChanged
from streaming.bulk import LedgerStands
from streaming.kafka.producer import NotDelivered
from streaming.stopping import DeliberateStop, StopRequest

pytestmark = pytest.mark.django_db

REPEATABLE = [LedgerStands(7, 60), NotDelivered("too large"), OperationalError("locked")]


def refusal_of(*words: str) -> CommandError:
    with pytest.raises(CommandError) as refused:
        call_command(*words)
    return refused.value


@pytest.fixture
def failing(monkeypatch):
    """Let a function of a command's module raise."""

    def fail(command: str, function: str, reason: Exception) -> None:
        def raise_it(*_args, **_more):
            raise reason

        module = import_module(f"streaming.management.commands.{command}")
        monkeypatch.setattr(module, function, raise_it)

    monkeypatch.setattr(StopRequest, "listen", lambda stop: stop)
    return fail


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (HistoryChanged(), 1),
        (DeliberateStop("another log"), 78),
        *((reason, 75) for reason in REPEATABLE),
    ],
)
def test_an_import_that_did_not_come_to_its_end_says_whether_to_repeat_it(failing, reason, code):
    failing("import_transactions", "import_history", reason)

    refused = refusal_of("import_transactions", str(settings.HISTORY_FILE))

    assert refused.returncode == code
    assert str(reason) in str(refused)


@pytest.mark.parametrize(
    ("reason", "code"),
    [(DeliberateStop("another log"), 78), *((reason, 75) for reason in REPEATABLE)],
)
def test_a_demonstration_that_was_not_loaded_says_whether_to_repeat_it(failing, reason, code):
    failing("load_demo", "load_demonstration", reason)

    assert refusal_of("load_demo").returncode == code


@pytest.mark.parametrize(("command", "work"), [("run_relay", "relay"), ("run_consumer", "consume")])
def test_a_deliberate_stop_of_a_process_is_78(failing, command, work):
    failing(command, work, DeliberateStop("another log"))

    refused = refusal_of(command)

    assert (refused.returncode, str(refused)) == (78, "another log")
