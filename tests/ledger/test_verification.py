"""Whatever is changed behind the application's back is found, and named by its place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.events import encode
from accounts.identifiers import new_transaction_id
from accounts.ledger.append_only import missing_triggers
from accounts.ledger.messages import Delivered
from accounts.models import (
    Account,
    Agent,
    Branch,
    DeadLetter,
    DeadLetterDecision,
    Decision,
    Entry,
    Kind,
    Log,
    LogPosition,
    Outbox,
    Submission,
)
from accounts.services.dead_letters import redrive
from accounts.services.submissions import submit_transaction
from accounts.verification import Discrepancy, LogUnreadable, Verification, rows, unasked
from accounts.verification.parts import in_parts
from tests.builders import (
    A_LOG,
    A_MOMENT,
    LedgerInTest,
    delivered,
    opened,
    raw,
    submitted,
    withdrawn,
)
from tests.databases import only_on
from tests.tampering import behind_the_back

POSTGRESQL_ONLY = only_on("postgresql", "what it can do to a table")
SQLITE_ONLY = only_on("sqlite", "what it can do to a table")


class LogInTest:
    """What a log holds, as verification reads it."""

    def __init__(self, messages: list[Delivered]) -> None:
        self.messages = messages

    def __call__(self, partition: int, start: int, end: int) -> Iterator[Delivered]:
        of_partition = [each for each in self.messages if each.partition == partition]
        yield from (each for each in of_partition if start <= each.offset < end)
        if end > max([each.offset + 1 for each in of_partition], default=0):
            raise LogUnreadable("the log ends before")


def a_log() -> list[Delivered]:
    """Messages of each fate on two partitions, with an id that is used on both."""
    reused = submitted(40, account="C200")
    repeated = submitted(500)
    return [
        delivered(opened(opening_balance_minor=1_000, least_balance_minor=-50), 0),
        delivered(repeated, 1),
        delivered(opened(account="C200"), 0, partition=1),
        delivered(reused, 1, partition=1),
        raw(b"{", 2),
        delivered(submitted(41, transaction_id=reused.transaction_id), 3),
        delivered(withdrawn(200, reference="Chèque"), 4),
        delivered(withdrawn(9_000), 5),
        delivered(repeated, 6),
        delivered(withdrawn(3, account="C300"), 2, partition=1),
        delivered(submitted(25), 7),
        delivered(withdrawn(1_400, source="import"), 8),
        raw(None, 9),
    ]


@pytest.fixture
def few_rows_at_a_time(monkeypatch):
    """Read in several parts what is too little for more than one."""
    monkeypatch.setattr(rows, "_ROWS", 2)
    monkeypatch.setattr(rows, "_DEAD_ROWS", 1)
    monkeypatch.setattr(unasked, "_ROWS", 1)
    monkeypatch.setattr(in_parts, "__defaults__", (1,))


@pytest.fixture
def log(ledger: LedgerInTest) -> LogInTest:
    """A log, posted; a submission that waits, and a decision."""
    messages = a_log()
    ledger.post_messages(messages[:7])
    ledger.post_messages(messages[7:])
    branch = Branch.objects.create(code="lyon", name="Lyon")
    Account.objects.update(branch=branch)
    submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=700,
        by=Agent.objects.create(username="teller", role="teller", branch=branch),
    )
    DeadLetterDecision.objects.create(
        log=ledger.log,
        partition=0,
        offset=2,
        decision=Decision.DISCARDED,
        reason="noise",
        decided_by="operator",
        decided_at_ms=1,
    )
    return LogInTest(messages)


def found(messages: LogInTest | None) -> list[Discrepancy]:
    return list(Verification(messages).run(lambda _rows: None))


def entry_at(offset: int, partition: int = 0) -> Entry:
    return Entry.objects.get(partition=partition, offset=offset)


@pytest.mark.usefixtures("few_rows_at_a_time")
def test_a_ledger_that_was_left_alone_agrees_with_its_log_and_with_itself(log):
    assert found(log) == []
    assert found(None) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("amount_minor = 201", "amount_minor is 201, expected 200"),
        ("balance_minor = 0", "balance_minor is 0"),
        ("account = 'C200'", "account is 'C200', expected 'C100'"),
        ("kind_id = 2", "kind is 2, expected 3"),
        ("outcome = 2, reason = 'frozen'", "outcome is 2, expected 1"),
        ("reason = 'overdrawn'", "reason is 'overdrawn', expected ''"),
        ("currency = 'USD'", "currency is 'USD'"),
        ("business_date = '2020-01-01'", "business_date is 2020-01-01"),
        ("reference = ''", "reference is '', expected 'Chèque'"),
        ("source = 'import'", "source is 'import'"),
        ("submitted_by = 'nobody'", "submitted_by is 'nobody'"),
        ("submitted_at_ms = 1", "submitted_at_ms is 1"),
        ("logged_at_ms = 1", "logged_at_ms is 1"),
        ("partition = 1", "partition is 1"),
        ("reverses = transaction_id", "reverses is"),
    ],
)
def test_an_altered_row_is_named(log, change, said):
    row = entry_at(4)
    with behind_the_back() as cursor:
        cursor.execute(f"UPDATE accounts_entry SET {change} WHERE id = %s", [row.pk])

    about = [each for each in found(log) if each.transaction_id == row.transaction_id]

    assert any(said in each.what for each in about), about
    assert about[0].topic == A_LOG.topic
    assert str(row.transaction_id) in str(about[0])


@pytest.mark.parametrize("column", ["digest", "link"])
def test_an_altered_hash_is_named(log, column):
    with behind_the_back():
        Entry.objects.filter(partition=0, offset=4).update(**{column: b"x" * 32})

    by_log, by_rows = found(log), found(None)

    assert [(each.partition, each.offset) for each in by_log] == [(0, 4)]
    assert (0, 4) in [(each.partition, each.offset) for each in by_rows]


def test_an_altered_id_is_named(log):
    with behind_the_back():
        Entry.objects.filter(partition=0, offset=4).update(transaction_id=new_transaction_id())

    [only] = found(log)

    assert (only.account, only.partition, only.offset) == ("C100", 0, 4)
    assert "transaction_id is" in only.what


def test_a_deleted_row_is_named(log):
    row = entry_at(4)
    with behind_the_back():
        Entry.objects.filter(pk=row.pk).delete()

    missing, *others = found(log)

    assert missing.transaction_id == row.transaction_id
    assert (missing.account, missing.partition, missing.offset) == ("C100", 0, 4)
    assert "no entry is there" in missing.what
    assert all(each.account == "C100" for each in others)


def test_the_last_row_deleted_is_named(log):
    row = entry_at(8)
    with behind_the_back():
        Entry.objects.filter(pk=row.pk).delete()

    assert row.transaction_id in [each.transaction_id for each in found(log)]


@pytest.mark.parametrize("offset", [0, 4, 6, 12])
@pytest.mark.parametrize("place", ["first", "last"])
def test_an_added_row_is_named_and_no_other(log, offset, place):
    row = entry_at(4)
    with behind_the_back() as cursor:
        row.pk = 0 if place == "first" else Entry.objects.latest("pk").pk + 1
        row.transaction_id, row.offset = new_transaction_id(), offset
        row.save(force_insert=True)
        cursor.execute("SELECT count(*) FROM accounts_entry")

    about = [each for each in found(log) if each.offset is not None]

    assert {each.transaction_id for each in about} >= {row.transaction_id}
    named = [each for each in about if "differs" in each.what or "no message" in each.what]
    assert {each.transaction_id for each in named} <= {row.transaction_id}


def swap(first: Entry, second: Entry, column: str) -> None:
    if column == "offset":
        Entry.objects.filter(pk=first.pk).update(offset=second.offset)
        Entry.objects.filter(pk=second.pk).update(offset=first.offset)
        return
    for pk, to in ((first.pk, -1), (second.pk, first.pk), (-1, second.pk)):
        Entry.objects.filter(pk=pk).update(id=to)


@pytest.mark.parametrize("column", ["id", "offset"])
def test_rows_that_changed_places_are_named(log, column):
    first, second = entry_at(4), entry_at(5)
    with behind_the_back():
        swap(first, second, column)

    by_log, by_rows = found(log), found(None)

    moved = {first.transaction_id, second.transaction_id}
    assert {each.transaction_id for each in by_log} <= moved
    assert by_log
    assert by_rows


def test_rows_by_themselves_tell_where_they_were_altered(log):
    with behind_the_back():
        Entry.objects.filter(partition=0, offset=4).update(amount_minor=201)

    places = [(each.partition, each.offset) for each in found(None) if each.partition is not None]

    assert places == [(0, 4)]


def test_rows_by_themselves_tell_where_one_is_gone(log):
    with behind_the_back():
        Entry.objects.filter(partition=0, offset=4).delete()

    places = [(each.partition, each.offset) for each in found(None) if each.offset is not None]

    assert (0, 5) in places


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ('UPDATE {} SET value = NULL WHERE "offset" = 2', "value is None, expected"),
        ("UPDATE {} SET reason = 'id_reused' WHERE \"offset\" = 2", "reason is 'id_reused'"),
        ('DELETE FROM {} WHERE "offset" = 2', "no dead letter is there"),
        ('UPDATE {} SET "offset" = 6 WHERE "offset" = 2', "stands for no message that is dead"),
        ('UPDATE {} SET "offset" = 7 WHERE "offset" = 2', "stands for no message that is dead"),
    ],
)
def test_a_changed_dead_letter_is_named(log, statement, said):
    with behind_the_back() as cursor:
        cursor.execute(statement.format("accounts_deadletter"))

    assert any(said in each.what and each.partition == 0 for each in found(log))
    assert any(each.partition == 0 for each in found(None))


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("balance", "balance_minor = 1", "balance_minor is 1"),
        ("balance", "posted_count = 9", "posted_count is 9"),
        ("balance", "turnover_minor = 9", "turnover_minor is 9"),
        ("balance", "least_balance_minor = -7", "least_balance_minor is -7"),
        ("balance", "currency = 'USD'", "currency is 'USD'"),
        ("balance", "status = 2", "status is 2"),
        ("dailytotal", "amount_minor = 999999", "amount_minor is 999999"),
        ("dailytotal", "count = 2, amount_minor = 999999", "count is 2"),
        ("dailytotal", "business_date = '2020-01-01'", "2020-01-01"),
    ],
)
def test_a_changed_sum_is_named_with_its_account(log, table, change, said):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_{table} SET {change} WHERE account = 'C200'")

    assert [each.account for each in found(log)][:1] == ["C200"]
    assert any(said in each.what for each in found(log))


@pytest.mark.parametrize("table", ["balance", "dailytotal"])
def test_a_missing_sum_is_named_with_its_account(log, table):
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM accounts_{table} WHERE account = 'C200'")

    assert {each.account for each in found(log)} == {"C200"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"next_offset": 7}, "next_offset is 7, expected 10"),
        ({"next_offset": 12}, "the log cannot be read on"),
        ({"last_offset": 3}, "last_offset is 3"),
        ({"last_digest": b"x" * 32}, "last_digest"),
        ({"link": b"x" * 32}, "link is"),
        ({"first_link": b"x" * 32}, "does not begin where"),
        ({"posted": 17}, "posted is 17"),
        ({"rejected": 17}, "rejected is 17"),
        ({"dead": 17}, "dead is 17"),
        ({"transactions": 1}, "transactions is 1"),
        ({"repeats": 0}, "repeats is 0, not 1"),
        ({"leader_epoch": 5}, "leader_epoch is 5, expected 0"),
    ],
    ids=str,
)
def test_a_changed_position_is_named(log, ledger, change, said):
    LogPosition.objects.filter(log=ledger.log, partition=0).update(**change)

    assert any(said in each.what and each.partition == 0 for each in found(log))


def test_a_log_that_was_cut_is_told_once_and_the_rest_is_checked_by_itself(log):
    whole = log.messages
    cut = [each for each in whole if each.partition == 1 or each.offset < 7]

    [only] = found(LogInTest(cut))
    with behind_the_back():
        Entry.objects.filter(partition=0, offset=8).update(balance_minor=5)
    places = [each.offset for each in found(LogInTest(cut)) if each.offset is not None]

    assert (only.partition, only.offset) == (0, 7)
    assert "the log ends before" in only.what
    assert places == [7, 8, 8]


def test_a_log_of_which_messages_are_gone_is_told(log):
    thinned = [each for each in log.messages if (each.partition, each.offset) != (0, 4)]

    places = [(each.partition, each.offset) for each in found(LogInTest(thinned)) if each.offset]

    assert (0, 4) in places


def test_a_dropped_trigger_is_named(log):
    name = missing_trigger()

    assert [each.what for each in found(log)] == [f"trigger {name} is missing or altered"]


def missing_trigger() -> str:
    name = "refuses_delete" if connection.vendor == "sqlite" else "keeps_rows"
    on_table = "" if connection.vendor == "sqlite" else " ON accounts_entry"
    with connection.cursor() as cursor:
        connection.check_constraints()
        cursor.execute(f"DROP TRIGGER accounts_entry_{name}{on_table}")
    assert missing_triggers(connection) == [f"accounts_entry_{name}"]
    return f"accounts_entry_{name}"


@SQLITE_ONLY
def test_a_dropped_constraint_is_named_on_sqlite(db):
    constraint = 'CONSTRAINT "entry_concluded" CHECK ("outcome" IN (1, 2)), '
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute(
            "UPDATE sqlite_master SET sql = replace(sql, %s, '') WHERE name = 'accounts_entry'",
            [constraint],
        )
        cursor.execute("PRAGMA writable_schema = RESET")

    [only] = found(None)

    assert 'table accounts_entry lacks: CONSTRAINT "entry_concluded"' in only.what


@pytest.mark.parametrize("name", ["entry_concluded", "log_one_current", "total_by_date"])
def test_a_dropped_constraint_or_index_is_named(db, name):
    if connection.vendor == "sqlite" and name == "entry_concluded":
        pytest.skip("SQLite rebuilds the table for that")
    with connection.cursor() as cursor:
        if name == "entry_concluded":
            cursor.execute(f"ALTER TABLE accounts_entry DROP CONSTRAINT {name}")
        else:
            cursor.execute(f"DROP INDEX {name}")

    [only] = found(None)

    assert name in only.what


@POSTGRESQL_ONLY
@pytest.mark.parametrize(
    ("weakening", "said"),
    [
        (
            "ALTER TABLE accounts_entry DROP CONSTRAINT entry_concluded, "
            "ADD CONSTRAINT entry_concluded CHECK (outcome >= 0)",
            "lacks: CONSTRAINT entry_concluded CHECK ((outcome = ANY",
        ),
        (
            "ALTER TABLE accounts_entry ALTER COLUMN digest DROP NOT NULL",
            "accounts_entry lacks: digest bytea NOT NULL",
        ),
        (
            "DROP INDEX log_one_current; CREATE INDEX log_one_current ON accounts_log (is_current)",
            "accounts_log lacks: CREATE UNIQUE INDEX log_one_current",
        ),
    ],
)
def test_what_was_weakened_under_its_own_name_is_named_on_postgresql(db, weakening, said):
    with connection.cursor() as cursor:
        cursor.execute(weakening)

    [only] = found(None)

    assert said in only.what


@POSTGRESQL_ONLY
def test_a_foreign_key_that_is_gone_is_named_on_postgresql(db):
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "accounts_outbox")
        [name] = [
            n
            for n, each in constraints.items()
            if each["columns"] == ["submission_id"] and each["foreign_key"]
        ]
        cursor.execute(f'ALTER TABLE accounts_outbox DROP CONSTRAINT "{name}"')

    [only] = found(None)

    assert "FOREIGN KEY (submission_id) REFERENCES accounts_submission.id" in only.what


@SQLITE_ONLY
def test_what_sqlite_itself_finds_is_told(log):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute("UPDATE accounts_balance SET status = 9 WHERE account = 'C200'")
        cursor.execute("PRAGMA ignore_check_constraints = OFF")

    assert any("SQLite says of accounts_balance" in each.what for each in found(log))


def test_a_kind_that_means_something_else_is_told(log):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_entrykind SET sign = 1 WHERE code = 'withdrawal'")

    assert any("kind" in each.what for each in found(log))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE accounts_outbox SET value = NULL WHERE submission_id IS NOT NULL", "no event"),
        ("UPDATE accounts_submission SET amount_minor = 7", "amount_minor is 700, expected 7"),
        ("DELETE FROM accounts_outbox WHERE submission_id IS NOT NULL", "nothing publishes it"),
    ],
)
def test_a_changed_submission_is_named(log, change, said):
    with behind_the_back() as cursor:
        cursor.execute(change)

    [only] = found(log)

    assert only.transaction_id == Submission.objects.get().transaction_id
    assert said in only.what


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "UPDATE accounts_outbox SET topic = 'x' WHERE submission_id IS NOT NULL",
            "for the topic x",
        ),
        ("UPDATE accounts_submission SET submitted_by_id = %s", "submitted_by is 'teller'"),
    ],
)
def test_a_submission_of_somebody_else_or_for_elsewhere_is_named(log, change, said):
    Agent.objects.update(date_joined=A_MOMENT)
    other = Agent.objects.create(username="other", role="auditor")
    with behind_the_back() as cursor:
        cursor.execute(change, [other.pk] if "%s" in change else [])

    [only] = found(log)

    assert said in only.what


def test_an_agent_with_another_name_by_now_is_still_the_one_who_submitted(log):
    agent = Agent.objects.get(username="teller")
    agent.username = "teller.martin"
    agent.save()
    Agent.objects.create(
        username="teller", role="auditor", date_joined=now() + timedelta(minutes=1)
    )

    assert found(log) == []


def test_an_event_that_nobody_submitted_is_found_in_the_outbox(log):
    event = submitted(1_000_000)
    key, value = encode(event)
    Outbox.objects.create(topic=A_LOG.topic, key=key, value=value, queued_at_ms=1)

    [only] = found(log)

    assert (only.account, only.transaction_id) == ("C100", event.transaction_id)
    assert "publishes what nobody submitted" in only.what


def test_a_copy_of_a_dead_letter_keeps_its_bytes(log):
    with behind_the_back() as cursor:
        cursor.execute("UPDATE accounts_outbox SET value = NULL WHERE value = %s", [b"{"])
        assert cursor.rowcount == 1

    [only] = found(log)

    assert "is the copy of no dead letter" in only.what


@pytest.mark.usefixtures("few_rows_at_a_time")
def test_what_is_redriven_are_the_bytes_that_died(log, ledger):
    letter = ledger.bury(submitted(12))
    log.messages.append(raw(bytes(letter.value), letter.offset, bytes(letter.key)))
    assert [each.refusal for each in redrive([letter.pk], by="operator")] == [""]
    row = Outbox.objects.get(submission=None, topic=A_LOG.topic)
    assert found(log) == []

    _key, other = encode(submitted(1_000_000, transaction_id=letter.transaction_id))
    for change, value, said in (
        ("topic = %s", "elsewhere", "redrives to elsewhere, which is no topic of the ledger"),
        ("value = %s", other, "with other bytes than its own"),
    ):
        with behind_the_back() as cursor:
            cursor.execute(f"UPDATE accounts_outbox SET {change} WHERE id = %s", [value, row.pk])
        [only] = found(log)
        assert only.transaction_id == letter.transaction_id
        assert said in only.what


@SQLITE_ONLY
@pytest.mark.parametrize(
    "statements",
    [
        ["DELETE FROM accounts_outbox WHERE submission_id > 0", "DELETE FROM accounts_submission"],
        ["DELETE FROM accounts_deadletterdecision"],
    ],
)
def test_a_row_that_is_gone_with_all_that_tells_of_it_is_missed(log, statements):
    with behind_the_back() as cursor:
        for statement in statements:
            cursor.execute(statement)

    [only] = found(log)

    assert "0 rows are in accounts_" in only.what


def test_a_trigger_that_somebody_added_is_named(log):
    with connection.cursor() as cursor:
        connection.check_constraints()
        if connection.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER sink BEFORE INSERT ON accounts_submission "
                "BEGIN SELECT RAISE(IGNORE); END"
            )
        else:
            cursor.execute(
                "CREATE RULE sink AS ON INSERT TO accounts_submission DO INSTEAD NOTHING"
            )

    [only] = found(log)

    assert "trigger sink on accounts_submission is none of the portal's" in only.what


def test_a_dead_letter_of_no_partition_is_named(log):
    with behind_the_back():
        letter = DeadLetter.objects.get(partition=0, offset=2)
        letter.pk, letter.partition = None, 50
        letter.save(force_insert=True)

    [only] = found(log)

    assert (only.partition, only.offset) == (50, 2)
    assert "that the ledger does not follow" in only.what


def test_a_ledger_that_follows_no_log_any_more_is_told(log):
    Log.objects.update(is_current=False)

    assert any("is not marked as the one" in each.what for each in found(None))


def test_a_position_in_an_empty_partition_is_looked_at_too(log, ledger):
    LogPosition.objects.filter(log=ledger.log, partition=2).update(leader_epoch=7)

    assert [each.what for each in found(log)] == ["the position's leader_epoch is 7, expected -1"]


@SQLITE_ONLY
@pytest.mark.parametrize("messages", [True, False])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("accounts_entry", "link"),
        ("accounts_entry", "transaction_id"),
        ("accounts_deadletter", "link"),
        ("accounts_logposition", "link"),
    ],
)
def test_what_is_no_hash_and_no_id_is_told_like_all_else(log, table, column, messages):
    with behind_the_back() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute(f"UPDATE {table} SET {column} = 'text' WHERE id = 1")
        cursor.execute("PRAGMA ignore_check_constraints = OFF")

    assert any(table in each.what for each in found(log if messages else None))


@pytest.mark.usefixtures("few_rows_at_a_time")
def test_entries_of_the_portal_that_no_agent_submitted_are_counted(log):
    verification = Verification(log)

    assert list(verification.run(lambda _rows: None)) == []
    assert verification.unsubmitted == Entry.objects.filter(source="portal").count() > 0


def test_a_submission_that_is_done_without_an_outcome_is_told(log, ledger):
    Outbox.objects.filter(submission__isnull=False).update(
        is_done=True, published_at_ms=1, log=ledger.log, partition=2, offset=0, attempts=1
    )

    [only] = found(log)

    assert "is done and has no outcome" in only.what


def test_what_an_earlier_release_did_not_understand_stays_dead_and_is_said(log, ledger):
    event = submitted(12)
    key, value = encode(event)
    letter = ledger.bury(event)
    log.messages.append(raw(value, letter.offset, key))
    verification = Verification(log)

    assert list(verification.run(lambda _rows: None)) == []
    assert verification.set_aside == 1


def test_a_posted_message_cannot_be_passed_off_as_dead(log):
    row = entry_at(4)
    with behind_the_back():
        letter = DeadLetter.objects.get(partition=0, offset=2)
        letter.pk, letter.offset = None, 4
        letter.save(force_insert=True)
        Entry.objects.filter(pk=row.pk).delete()

    named = found(log)

    assert row.transaction_id in {each.transaction_id for each in named}
    assert {each.offset for each in named if each.offset is not None} == {4}


def test_a_decision_about_nothing_is_told(log):
    with behind_the_back():
        DeadLetterDecision.objects.update(offset=1)

    [only] = found(log)

    assert (only.partition, only.offset) == (0, 1)


@pytest.mark.usefixtures("few_rows_at_a_time")
def test_what_is_posted_meanwhile_is_left_alone(log, ledger):
    verification = Verification(log)
    ledger.post(submitted(5), withdrawn(9), opened(account="C400"))
    ledger.bury(submitted(6))

    assert list(verification.run(lambda _rows: None)) == []


@pytest.mark.parametrize("partition_count", [3, 4])
def test_an_earlier_log_is_checked_by_its_rows_and_the_next_goes_on_from_it(
    log, ledger, partition_count
):
    links = [bytes(each.link) for each in LogPosition.objects.order_by("partition")]
    if partition_count != len(links):
        links = [sha256(b"".join(links)).digest()] * partition_count
    repeated, reused = log.messages[1], log.messages[3]
    Log.objects.update(is_current=False)
    adopted = LedgerInTest(
        replace(A_LOG, topic_id="another topic", partition_count=partition_count)
    )
    for partition, link in enumerate(links):
        LogPosition.objects.filter(log=adopted.log, partition=partition).update(
            first_link=link, link=link
        )
    messages = [
        Delivered(0, 0, 5, repeated.key, repeated.value, 0),
        delivered(withdrawn(1_000), 1),
        delivered(submitted(30), 2),
        delivered(submitted(7, account="C200", transaction_id=id_of(reused)), 0, partition=1),
    ]
    adopted.post_messages(messages)

    assert found(LogInTest(messages)) == []

    with behind_the_back():
        Entry.objects.filter(log=ledger.log, partition=0, offset=7).update(amount_minor=26)
    [by_row, by_balance, by_total] = found(LogInTest(messages))
    assert (by_row.partition, by_row.offset) == (0, 7)
    assert by_balance.account == by_total.account == "C100"


def id_of(message: Delivered):
    return Entry.objects.get(partition=message.partition, offset=message.offset).transaction_id


def test_a_row_of_a_log_that_nobody_follows_is_named(log, ledger):
    Log.objects.create(
        cluster_id="x", topic="x", partition_count=1, adopted_at_ms=1, is_current=False
    )
    row = entry_at(4)
    with behind_the_back():
        Entry.objects.filter(pk=row.pk).update(log=Log.objects.get(cluster_id="x"))

    said = [str(each) for each in found(log)]

    assert any("a log or partition that the ledger does not follow" in each for each in said)
    assert any(str(row.transaction_id) in each for each in said)
