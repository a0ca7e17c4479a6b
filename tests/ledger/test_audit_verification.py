"""Whatever is done to the audit log behind the portal's back is named."""

import tracemalloc

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Act, AuditRecord, ObjectKind
from accounts.models.audit import SEALED, hash_of
from accounts.services.audit import Deed, Subject, record_alone
from accounts.verification import audit
from accounts.verification.audit import Anchor, AuditVerification
from tests.databases import only_on
from tests.ledger.verified_audit import found_in_audit
from tests.tampering import behind_the_back

on_sqlite = only_on("sqlite", "its files and triggers")


def records(count: int) -> None:
    record_alone(
        *(
            Deed(act=Act.EXPORT, about=Subject(ObjectKind.ACCOUNT, f"C{n}"), after={"n": n})
            for n in range(1, count + 1)
        )
    )


@pytest.fixture
def five(db) -> None:
    records(5)


def end_of_the_log() -> Anchor:
    return AuditVerification().end


@pytest.mark.parametrize("column", [name for name in SEALED if name != "id"])
def test_an_altered_column_is_named_whichever_it_is(five, column):
    other = "7" if column in {"at_ms", "agent_id", "branch_id"} else "'x'"
    with behind_the_back() as cursor:
        cursor.execute(f'UPDATE accounts_auditrecord SET "{column}" = {other} WHERE id = 3')

    assert found_in_audit() == ["record 3 is altered: its hash is that of another content"]


def test_an_altered_record_with_a_new_hash_breaks_the_chain_after_it(five):
    altered = AuditRecord.objects.get(pk=3)
    altered.username = "somebody else"
    values = {name: getattr(altered, name) for name in SEALED}
    with behind_the_back() as cursor:
        cursor.execute(
            "UPDATE accounts_auditrecord SET username = %s, hash = %s WHERE id = 3",
            [altered.username, hash_of(bytes(altered.previous_hash), values)],
        )

    (found,) = found_in_audit()

    assert found.startswith("record 4 does not go on from record 3: the chain is forked here")


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("= 1", "record 1 is missing"),
        ("= 3", "record 3 is missing"),
        ("IN (2, 3)", "records 2 to 3 are missing"),
        ("= 5", "record 5 is missing: the log was cut at its end"),
        ("> 0", "records 1 to 5 are missing: the log was cut at its end"),
    ],
)
def test_a_missing_record_is_named(five, which, expected):
    with behind_the_back() as cursor:
        cursor.execute(f"DELETE FROM accounts_auditrecord WHERE id {which}")

    assert found_in_audit() == [expected]


def test_records_added_by_somebody_else_are_named(five):
    last = AuditRecord.objects.get(pk=5)
    last.seal(6, last.at_ms, bytes(last.hash))
    last.save(force_insert=True)

    (found,) = found_in_audit()

    assert found.startswith("record 6 is beyond the end of the log, which is 5")


def test_an_end_that_names_another_record_or_is_gone_is_named(five):
    with behind_the_back() as cursor:
        cursor.execute("UPDATE accounts_audithead SET last_hash = %s", [bytes(32)])
    other = found_in_audit()
    with behind_the_back() as cursor:
        cursor.execute("DELETE FROM accounts_audithead")

    assert other == ["record 5 is not the one that the end of the log names"]
    assert found_in_audit() == [
        "the end of the audit log is not noted: the row of its head is gone"
    ]


def test_a_log_written_anew_as_a_whole_is_seen_by_who_kept_an_anchor(five):
    kept = end_of_the_log()
    with behind_the_back() as cursor:
        cursor.execute("DELETE FROM accounts_auditrecord")
        cursor.execute("UPDATE accounts_audithead SET last_id = 0, last_hash = %s", [bytes(32)])
    records(2)
    alone, shorter = found_in_audit(), found_in_audit(kept)
    records(4)

    assert alone == []
    assert shorter == [f"record 5 of the anchor {kept} is not there: the log ends at 2"]
    assert found_in_audit(kept) == [
        f"record 5 is not the one of the anchor {kept}: the log up to there was written anew"
    ]


def test_an_anchor_holds_while_the_log_grows(five):
    kept = end_of_the_log()
    records(3)

    assert found_in_audit(kept) == []


def test_a_missing_or_foreign_trigger_is_named(five):
    is_sqlite = connection.vendor == "sqlite"
    name = f"accounts_auditrecord_{'refuses_delete' if is_sqlite else 'keeps_rows'}"
    with connection.cursor() as cursor:
        on_table = "" if is_sqlite else " ON accounts_auditrecord"
        cursor.execute(f"DROP TRIGGER {name}{on_table}")
        cursor.execute(
            "CREATE TRIGGER quiet AFTER INSERT ON accounts_auditrecord "
            + (
                "BEGIN SELECT 1; END"
                if is_sqlite
                else "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            )
        )

    assert found_in_audit() == [
        f"trigger {name} is missing, switched off or altered",
        "trigger quiet on accounts_auditrecord is none of the portal's",
    ]


def test_a_clock_that_was_set_back_is_a_note_and_no_discrepancy(five, monkeypatch, capsys):
    monkeypatch.setattr("accounts.services.audit.time.time_ns", lambda: 10**18)
    records(1)

    call_command("verify_audit")

    said = capsys.readouterr().out
    assert "Note: record 6 is" in said
    assert "earlier than the one before it" in said


def test_the_command_prints_an_anchor_that_it_takes_again(five, capsys):
    call_command("verify_audit")
    said = capsys.readouterr().out
    anchor = said.rsplit("Anchor: ", 1)[1].strip()
    records(1)

    call_command("verify_audit", anchor=[Anchor(5, bytes.fromhex(anchor.split(":")[1]))])

    assert "The audit log agrees with itself: 5 records." in said
    assert anchor == str(Anchor(5, bytes(AuditRecord.objects.get(pk=5).hash)))
    assert "The anchor of record 5 is in it." in capsys.readouterr().out


def test_the_command_says_each_discrepancy_and_fails(five, capsys):
    with behind_the_back() as cursor:
        cursor.execute("UPDATE accounts_auditrecord SET act = 'x' WHERE id IN (2, 4)")

    with pytest.raises(CommandError, match="2 discrepancies"):
        call_command("verify_audit")

    assert capsys.readouterr().out.splitlines() == [
        "record 2 is altered: its hash is that of another content",
        "record 4 is altered: its hash is that of another content",
    ]


@pytest.mark.parametrize("text", ["5", "5:abc", "x:" + "0" * 64, "5:" + "G" * 64])
def test_what_is_no_anchor_is_refused(db, text):
    with pytest.raises(CommandError, match="no anchor"):
        call_command("verify_audit", f"--anchor={text}")


@on_sqlite
def test_memory_does_not_grow_with_the_log(db, monkeypatch):
    monkeypatch.setattr(audit, "ROWS_AT_A_TIME", 100)
    peaks = []
    for _turn in range(2):
        records(3_000)
        found_in_audit()
        tracemalloc.start()
        assert found_in_audit() == []
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.3
