"""The audit log: in the act's own transaction, chained, and whole whoever writes at once."""

import json
import threading
from itertools import pairwise

import pytest
from django.db import connections
from django.db.transaction import atomic, set_rollback
from hypothesis import given
from hypothesis import strategies as st

from accounts.identifiers import new_transaction_id
from accounts.models import (
    Account,
    Act,
    Agent,
    AuditHead,
    AuditRecord,
    Branch,
    Kind,
    ObjectKind,
    Outbox,
    Submission,
)
from accounts.models.audit import NO_HASH, canonical_json, hash_of
from accounts.origin import acting_by_command
from accounts.services import submissions
from accounts.services.audit import (
    VALUE_LENGTH,
    Deed,
    OutsideTransaction,
    SecretNotKept,
    Subject,
    record,
    record_alone,
)
from accounts.services.refusals import AT_ONCE, Floods
from accounts.services.submissions import submit_transaction
from tests.builders import opened
from tests.ledger.verified_audit import found_in_audit


def a_deed(number: int = 0, **changes) -> Deed:
    about = Subject(ObjectKind.ACCOUNT, f"C{number}")
    return Deed(**({"act": Act.EXPORT, "about": about, "after": {"number": number}} | changes))


@pytest.fixture
def teller(db) -> Agent:
    branch = Branch.objects.create(code="lyon", name="Lyon")
    Account.objects.create(number="C100", holder="Camille Lefèvre", branch=branch)
    return Agent.objects.create(username="teller", role="teller", branch=branch)


def a_submission(teller: Agent) -> Submission:
    return submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=500,
        reference="for Camille",
        by=teller,
    )


def test_records_count_from_one_and_each_goes_on_from_the_one_before(db):
    record_alone(a_deed(1), a_deed(2))
    record_alone(a_deed(3))

    records = list(AuditRecord.objects.order_by("id"))

    assert [each.pk for each in records] == [1, 2, 3]
    assert bytes(records[0].previous_hash) == NO_HASH
    for one, following in pairwise(records):
        assert bytes(following.previous_hash) == bytes(one.hash)
    assert str(AuditHead.objects.get()) == f"3:{bytes(records[-1].hash).hex()}"
    assert found_in_audit() == []


@pytest.mark.django_db(transaction=True)
def test_an_act_is_not_recorded_outside_of_its_transaction():
    with pytest.raises(OutsideTransaction):
        record(a_deed())

    assert not AuditRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_record_and_no_gap():
    record_alone(a_deed(1))
    with atomic():
        record(a_deed(2))
        set_rollback(True)

    record_alone(a_deed(3))

    assert list(AuditRecord.objects.order_by("id").values_list("id", "object_id")) == [
        (1, "C1"),
        (2, "C3"),
    ]
    assert found_in_audit() == []


def test_a_submission_is_recorded_with_its_outbox_row_and_names_no_customer(teller):
    submission = a_submission(teller)

    kept = AuditRecord.objects.get()

    assert (kept.act, kept.agent, kept.username, kept.role) == (
        "submission",
        teller,
        "teller",
        "teller",
    )
    assert (kept.object_kind, kept.object_id) == ("transaction", str(submission.transaction_id))
    assert kept.branch == teller.branch
    assert json.loads(kept.after) == {
        "account": "C100",
        "amount_minor": 500,
        "currency": "EUR",
        "kind": "deposit",
    }
    assert "Camille" not in f"{kept.before}{kept.after}"


@pytest.mark.django_db(transaction=True)
def test_a_submission_that_cannot_be_recorded_is_none(monkeypatch):
    branch = Branch.objects.create(code="lyon", name="Lyon")
    Account.objects.create(number="C100", branch=branch)
    teller = Agent.objects.create(username="teller", role="teller", branch=branch)
    monkeypatch.setattr(submissions, "record", lambda *_deeds, **_by: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        a_submission(teller)

    assert not Submission.objects.exists()
    assert not Outbox.objects.exists()


def test_a_repeated_submission_is_recorded_once(teller):
    submission = a_submission(teller)

    again = submit_transaction(
        transaction_id=submission.transaction_id,
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=500,
        reference="for Camille",
        by=teller,
    )

    assert again == submission
    assert AuditRecord.objects.count() == 1


def test_a_command_is_recorded_with_the_users_name_on_the_machine(db, monkeypatch):
    monkeypatch.setenv("LOGNAME", "jane")

    with acting_by_command("redrive"):
        record_alone(a_deed(), by="somebody else")

    kept = AuditRecord.objects.get()
    assert (kept.username, kept.command, kept.agent, kept.role) == ("jane", "redrive", None, "")


@pytest.mark.parametrize("name", ["password", "new_password1", "totp_secret", "Recovery codes"])
def test_nothing_named_like_a_secret_is_kept(db, name):
    with pytest.raises(SecretNotKept):
        record_alone(a_deed(after={name: "correct-horse-battery"}))

    assert not AuditRecord.objects.exists()


def test_a_text_that_a_database_refuses_or_that_is_too_long_is_kept_as_far_as_it_can_be(db):
    long = "x" * 10_000

    record_alone(
        a_deed(about=Subject(ObjectKind.FILE, "a\0b\ud800" + long), after={"a": "\0" + long})
    )

    kept = AuditRecord.objects.get()
    assert kept.object_id.startswith("a\N{REPLACEMENT CHARACTER}b?x")
    assert len(json.loads(kept.after)["a"]) == VALUE_LENGTH
    assert found_in_audit() == []


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.integers(-(2**63), 2**63 - 1)
        | st.none(),
    )
)
def test_anybody_can_compute_the_hashes_with_the_json_of_a_standard_library(values):
    text = canonical_json(values)

    assert text == json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_a_column_added_later_changes_no_earlier_hash():
    columns = {"id": 1, "act": "sign_in", "before": ""}

    assert hash_of(NO_HASH, columns) == hash_of(NO_HASH, {**columns, "new": "", "newer": None})
    assert hash_of(NO_HASH, columns) != hash_of(NO_HASH, {**columns, "new": "x"})


@pytest.mark.django_db(transaction=True)
def test_many_who_write_at_once_make_one_chain():
    writers, each_writes = 8, 10
    start = threading.Barrier(writers)
    failures = []

    def write(writer: int) -> None:
        try:
            start.wait()
            for number in range(each_writes):
                with atomic():
                    record(a_deed(writer), a_deed(number))
        except Exception as reason:
            failures.append(reason)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert failures == []
    assert AuditHead.objects.get().last_id == writers * each_writes * 2
    assert found_in_audit() == []


def test_a_flood_is_recorded_by_the_powers_of_two(monkeypatch):
    floods = Floods()

    recorded = [floods.count("agent 1", "C900") for _turn in range(1_000)]

    assert [each for each in recorded if each] == [2**n for n in range(10)]
    assert floods.count("agent 2", "C900") == 1


def test_a_flood_of_different_things_is_recorded_up_to_a_bound(monkeypatch):
    now = 1_000.0
    monkeypatch.setattr("accounts.services.refusals.time.monotonic", lambda: now)
    floods = Floods()

    recorded = sum(bool(floods.count("agent 1", f"C{n}")) for n in range(100_000))

    assert recorded == AT_ONCE + 17
    now += 10
    assert floods.count("agent 1", "another") == 1


def test_the_same_after_a_while_is_recorded_again(monkeypatch):
    now = 1_000.0
    monkeypatch.setattr("accounts.services.refusals.time.monotonic", lambda: now)
    floods = Floods()
    first = [floods.count("agent 1", "C900") for _turn in range(3)]

    now += 61

    assert first == [1, 2, 0]
    assert floods.count("agent 1", "C900") == 1


def test_the_ledgers_own_rows_are_no_acts(ledger):
    ledger.post(opened())

    assert not AuditRecord.objects.exists()


def test_the_database_alone_keeps_a_chain_from_being_forked(db):
    record_alone(a_deed(1))
    forked = AuditRecord.objects.get()
    AuditHead.objects.update(last_id=0, last_hash=NO_HASH)

    # "keeps its rows" on SQLite; on PostgreSQL the primary key.
    with pytest.raises(Exception, match=r"keeps its rows|accounts_auditrecord_pkey"), atomic():
        record(a_deed(2))

    assert AuditRecord.objects.get() == forked
