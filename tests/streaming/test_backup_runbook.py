"""docs/backup.md under test: its commands are run, in their order, and do what it says."""

import re
import subprocess
import sys

import pytest
from django.conf import settings

from accounts.events import encode
from streaming.kafka.admin import delete_topic
from tests.builders import submitted
from tests.databases import only_on
from tests.processes import ROOT
from tests.streaming.recovery import Bank

pytestmark = only_on("sqlite", "PostgreSQL is restored by means of its own")

RUNBOOK = (settings.BASE_DIR / "docs" / "backup.md").read_text(encoding="utf-8")
MADE = "2026-11-25T21-30-00Z"


@pytest.fixture
def bank(kafka, portal_on) -> Bank:
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    return bank


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def folder_in(said: str) -> str:
    return re.search("^Backup: (.+)$", said, re.MULTILINE)[1]


def run(bank: Bank, command: str, made: str) -> str:
    """Run a line of the runbook on ``bank``, with its folders in place of the examples."""
    line = command.replace(f"/mnt/backups/{MADE}", made)
    line = line.replace("/mnt/backups", str(bank.folder / "kept"))
    line = line.replace("/mnt/data", str(bank.folder))
    line = line.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        line,
        shell=True,
        cwd=ROOT,
        env=bank.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_each_command_of_the_runbook_works_and_leaves_the_ledger_right(bank, kafka):
    bank.publish_something(200)
    bank.post_all(200)
    first, *others = commands()
    made = folder_in(run(bank, first, ""))
    bank.publish(*(encode(submitted(1, account="C1")) for _ in range(50)))
    bank.post_all(250)
    right = bank.ledger()

    said = ""
    for command in others:
        if "create_topics" in command:
            run(bank, first, "")
            delete_topic(kafka, bank.topic)
        answer = run(bank, command, made)
        made = folder_in(answer) if command == first else made
        if "restore" in command:
            bank.post_all(250)
        if "manage.py re" in command:
            assert bank.ledger()[1:] == right[1:], command
        said += answer

    assert len(others) > 8
    assert said.count("Equal: 250 messages") == 4
    assert "is in place" in said
    assert bank.value("SELECT count(*) FROM accounts_log") == 2
