"""The audit log comes whole through backup and restore, and tells of both."""

import getpass
import json
from pathlib import Path

import pytest

from streaming.manifest import Manifest
from tests.databases import copy_database, only_on
from tests.processes import Portal
from tests.streaming.recovery import Bank

pytestmark = only_on("sqlite", "PostgreSQL is restored by means of its own")

RECORDS = "SELECT id, act, username, command, hash FROM accounts_auditrecord ORDER BY id"
LATE = """
from accounts.models import Act, Agent
from accounts.services.audit import Deed, about_agent, record_alone
late = Agent.objects.create(username="late", role="auditor")
record_alone(Deed(act=Act.SIGN_IN, about=about_agent(late)), by=late)
print(late.pk)
"""


@pytest.fixture
def bank(tmp_path, empty_database) -> Bank:
    return bank_in(tmp_path / "bank", empty_database)


def bank_in(folder: Path, source: Path) -> Bank:
    copy_database(source, folder)
    # Nothing here asks Kafka.
    return Bank(folder, "127.0.0.1:9")


def anchor_of(portal: Portal) -> str:
    """Give the anchor that a verification without a discrepancy prints."""
    return portal.manage("verify_audit").stdout.rsplit("Anchor: ", 1)[1].strip()


def test_a_restored_log_goes_on_whole_with_what_came_after_the_backup(bank):
    bank.submit(1, 2)
    folder = bank.backup("--without-log")
    bank.submit(3)
    late = bank.python(LATE).strip()
    before, anchor = bank.query(RECORDS), anchor_of(bank)

    run = bank.manage("restore", str(folder))

    after = bank.query(RECORDS)
    assert [each[1] for each in before] == [
        *("submission", "submission", "backup", "submission", "sign_in")
    ]
    # The backup was made before its own record.
    assert "The audit log goes on whole: 3 records are from after the backup." in run.stdout
    assert after[:-1] == before
    assert after[-1][1:4] == ("restore", getpass.getuser(), "restore")
    kept = json.loads(bank.value("SELECT after FROM accounts_auditrecord ORDER BY id DESC LIMIT 1"))
    assert kept["audit_records_carried"] == 3
    assert kept["backup"] == folder.name
    assert "is in it" in bank.manage("verify_audit", "--anchor", anchor).stdout
    assert Manifest.read(folder).audit_anchor.startswith("2:")
    # The agent is gone, and nobody gets the number that the records name.
    assert bank.python(LATE).strip() == str(int(late) + 1)
    assert anchor_of(bank).startswith("7:")


def test_a_log_that_is_another_one_stays_where_it_is_and_that_is_said(bank, tmp_path):
    bank.submit(1)
    folder = bank.backup("--without-log")
    other = bank_in(tmp_path / "other", bank.folder)
    forget = "DROP TRIGGER accounts_auditrecord_refuses_update"
    other.python(
        f"""
        from django.db import connection
        cursor = connection.cursor()
        cursor.execute("{forget}")
        cursor.execute("UPDATE accounts_auditrecord SET hash = zeroblob(32)")
        """
    )

    run = other.manage("restore", str(folder))

    assert "was not carried on: that of the former database does not go on from the" in run.stdout
    assert [each[1] for each in other.query(RECORDS)] == ["submission", "restore"]
    assert anchor_of(other).startswith("2:")
