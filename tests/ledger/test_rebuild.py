"""A ledger made anew beside the live one: the same where nothing was touched, and what differs."""

import pytest
from django.db import connection

from accounts.events import encode
from accounts.ledger.append_only import added_triggers, dropping, missing_triggers
from accounts.ledger.conclusions import understand
from accounts.ledger.posting import post_batch
from accounts.ledger.tables import scratch_tables
from accounts.models import (
    Account,
    Balance,
    DailyTotal,
    DeadLetter,
    Entry,
    Log,
    LogPosition,
    Outbox,
)
from accounts.rebuild import scratch
from accounts.rebuild.comparison import differences
from accounts.rebuild.on_sqlite import LedgerTableMissing
from accounts.selectors.noted import note
from accounts.selectors.positions import current_epoch
from bankportal.prepare import drop_leftovers
from streaming.occupancy import only_rebuild
from tests.builders import delivered, opened, raw, submitted, withdrawn
from tests.databases import only_on
from tests.tampering import behind_the_back


def a_log():
    """Messages of every fate on two partitions."""
    twice = submitted(700)
    _key, other = encode(submitted(9, transaction_id=twice.transaction_id))
    return [
        delivered(opened(opening_balance_minor=50), 0),
        delivered(twice, 1),
        delivered(withdrawn(99_999), 2),
        delivered(twice, 3),
        raw(other, 4),
        raw(b"poison", 5),
        delivered(withdrawn(300), 7),
        delivered(opened(account="C200"), 0, 1),
        delivered(submitted(5, account="C200"), 1, 1),
    ]


@pytest.fixture
def told(ledger):
    """The ledger of ``a_log``, and its messages."""
    messages = a_log()
    ledger.post_messages(messages)
    return messages


def rebuild(ledger, messages):
    scratch.begin(note().positions.values())
    post_batch(
        [understand(each) for each in messages],
        log_id=ledger.log.pk,
        identity=ledger.identity,
        expected=dict.fromkeys(range(3), 0),
        tables=scratch_tables(),
    )
    # What a commit does, and PostgreSQL wants done before a table is altered.
    connection.check_constraints()


def found(noted=None):
    return [str(each) for each in differences(noted or note())]


def change(statement, *parameters):
    with behind_the_back() as cursor:
        cursor.execute(statement, parameters)
        assert cursor.rowcount == 1


def schema():
    """Every table, index and constraint, by what makes it."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 2")
            return cursor.fetchall()
        cursor.execute(
            "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = current_schema()::regnamespace"
            " UNION SELECT indexname, tablename, indexdef FROM pg_indexes"
            " WHERE schemaname = current_schema()"
            " UNION SELECT column_name, table_name, data_type || coalesce(column_default, '')"
            " || is_nullable || is_identity FROM information_schema.columns"
            " WHERE table_schema = current_schema()"
            " UNION SELECT tgname, tgrelid::regclass::text, pg_get_triggerdef(oid)"
            " FROM pg_trigger WHERE NOT tgisinternal AND pg_table_is_visible(tgrelid)"
            " ORDER BY 1, 2, 3"
        )
        return cursor.fetchall()


def content():
    """What the ledger holds, without ids and times of posting."""
    return [
        list(Entry.objects.order_by("id").values("transaction_id", "link", "balance_minor")),
        list(DeadLetter.objects.order_by("id").values("partition", "offset", "value", "link")),
        list(Balance.objects.order_by("account").values("account", "balance_minor")),
        list(DailyTotal.objects.order_by("account", "kind").values("count", "amount_minor")),
        list(LogPosition.objects.order_by("partition").values("next_offset", "link", "repeats")),
    ]


def test_the_same_log_makes_the_same_ledger(ledger, told):
    rebuild(ledger, told)

    assert found() == []


def test_a_rebuild_writes_nothing_beside_its_own_tables(ledger, told):
    Account.objects.all().delete()
    before = content(), Outbox.objects.count()

    rebuild(ledger, told)

    assert (content(), Outbox.objects.count()) == before
    assert not Account.objects.exists()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE accounts_entry SET balance_minor = 751 WHERE balance_minor = 750 AND kind_id=2",
            "balance_minor is 751, and 750 by the log",
        ),
        (
            "UPDATE accounts_entry SET reference = 'mine' WHERE kind_id = 2 AND account = 'C200'",
            "reference is mine, and '' by the log",
        ),
        (
            "UPDATE accounts_balance SET balance_minor = 6 WHERE account = 'C200'",
            "Balance, account",
        ),
        ("UPDATE accounts_balance SET turnover_minor = 6 WHERE account = 'C200'", "turnover_minor"),
        (
            "UPDATE accounts_balance SET posted_count = 3 WHERE account = 'C200'",
            "posted_count is 3",
        ),
        ("UPDATE accounts_balance SET status = 2 WHERE account = 'C200'", "status is 2"),
        ("DELETE FROM accounts_balance WHERE account = 'C200'", "is missing in the ledger"),
        ("UPDATE accounts_dailytotal SET count = 2 WHERE account = 'C200'", "count is 2"),
        ("DELETE FROM accounts_dailytotal WHERE account = 'C200'", "is missing in the ledger"),
        ("DELETE FROM accounts_deadletter WHERE reason = 'id_reused'", "partition 0, offset 4"),
        ("UPDATE accounts_deadletter SET key = NULL WHERE reason = 'id_reused'", "key is nothing"),
        ("UPDATE accounts_logposition SET posted = posted + 1 WHERE partition = 1", "posted is 3"),
        ("UPDATE accounts_logposition SET dead = 0 WHERE partition = 0", "dead is 0"),
    ],
)
def test_one_thing_changed_behind_the_applications_back_is_named(ledger, told, statement, said):
    rebuild(ledger, told)

    change(statement)

    (difference,) = found()
    assert said in difference


def test_a_deleted_entry_is_named_by_account_id_and_place(ledger, told):
    rebuild(ledger, told)
    entry = Entry.objects.get(account="C200", kind=2)

    with behind_the_back():
        entry.delete()

    assert found() == [
        f"Entry, {entry.transaction_id}, account C200, partition 1, offset 1: "
        "is missing in the ledger."
    ]


def test_an_entry_that_is_in_no_log_is_named(ledger, told):
    rebuild(ledger, told)
    entry = Entry.objects.get(account="C200", kind=2)
    entry.pk = None
    entry.transaction_id = submitted().transaction_id

    entry.save()

    assert any(f"{entry.transaction_id}, account C200" in each for each in found())
    assert any("is not in the log" in each for each in found())


@pytest.mark.parametrize("beyond", [-5, 2**62])
@pytest.mark.parametrize("table", ["accounts_entry", "accounts_deadletter"])
def test_a_row_is_found_wherever_somebody_has_put_its_id(ledger, told, table, beyond):
    rebuild(ledger, told)
    changed = "logged_at_ms = 7"
    change(f'UPDATE {table} SET id = %s, {changed} WHERE "offset" = 5 OR "offset" = 7', beyond)

    assert [each for each in found() if "logged_at_ms is 7" in each]


def test_a_position_that_is_gone_or_of_no_partition_is_named(ledger, told):
    rebuild(ledger, told)
    change("UPDATE accounts_logposition SET partition = 40 WHERE partition = 2")

    said = [each for each in found() if "Position" in each]

    assert said == [
        f"Position in log {ledger.log.pk}, partition 2: is missing in the ledger.",
        f"Position in log {ledger.log.pk}, partition 40: is of no partition.",
    ]


@only_on("sqlite", "PostgreSQL says it by itself")
def test_a_ledger_that_lacks_a_table_is_refused_with_the_remedy(db):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE accounts_dailytotal")

    with pytest.raises(LedgerTableMissing, match="no table accounts_dailytotal"):
        scratch.begin([])


@only_on("sqlite", "it keeps the words of a statement")
def test_a_table_made_in_other_words_is_rebuilt_all_the_same(ledger, told):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute(
            "UPDATE sqlite_master SET sql = replace(sql, %s, %s) WHERE name = 'accounts_entry'",
            ['CREATE TABLE "accounts_entry"', "create table accounts_entry"],
        )
        cursor.execute("PRAGMA writable_schema = RESET")

    rebuild(ledger, told)

    assert found() == []


def test_two_entries_in_the_wrong_order_are_named(ledger, told):
    rebuild(ledger, told)
    first, _next = Entry.objects.filter(partition=0).order_by("id")[:2]
    with behind_the_back():
        Entry.objects.filter(pk=first.pk).update(id=1_000_000)

    (difference,) = found()

    assert difference.startswith(f"Entry, {first.transaction_id}, account C100")
    assert "stands behind offset 7" in difference


def test_what_is_posted_after_the_start_takes_no_part(ledger, told):
    noted = note()
    rebuild(ledger, told)

    ledger.post(submitted(11), withdrawn(4), opened(account="C300", opening_balance_minor=8))
    ledger.post_messages([raw(b"late", 11)])
    ledger.post(submitted(1, account="C200"), partition=1)

    assert found(noted) == []


def test_a_balance_that_is_wrong_is_found_though_posting_went_on(ledger, told):
    noted = note()
    rebuild(ledger, told)
    ledger.post(submitted(11))

    change("UPDATE accounts_balance SET balance_minor = 462 WHERE account = 'C100'")

    (difference,) = found(noted)
    assert "balance_minor is 451, and 450 by the log" in difference


def test_an_unfinished_rebuild_is_never_taken_for_a_good_one(ledger, told):
    rebuild(ledger, told[:3])

    rebuild(ledger, told)

    assert found() == []


def test_a_dropped_rebuild_leaves_the_schema_as_it_was(ledger, told):
    before = schema()
    rebuild(ledger, told)

    assert scratch.drop()

    assert schema() == before
    assert not scratch.drop()


def test_the_next_start_drops_what_a_killed_rebuild_left(ledger, told, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    before = schema()
    rebuild(ledger, told)

    drop_leftovers()

    assert schema() == before


def test_a_start_leaves_a_rebuild_alone_that_runs(ledger, told, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    rebuild(ledger, told)
    before = schema()

    with only_rebuild():
        drop_leftovers()

    assert schema() == before


def put_in_place(ledger):
    return scratch.put_in_place(current_log=ledger.log.pk, expected=note().next_offsets())


def test_put_in_place_it_is_the_ledger_under_the_names_of_before(ledger, told):
    before, holds = schema(), content()
    rebuild(ledger, told)
    change("UPDATE accounts_balance SET balance_minor = 7 WHERE account = 'C200'")

    put_in_place(ledger)

    assert schema() == before
    assert content() == holds


def test_put_in_place_it_keeps_its_rows_even_where_somebody_took_the_triggers_away(ledger, told):
    rebuild(ledger, told)
    with connection.cursor() as cursor:
        for statement in dropping(connection):
            cursor.execute(statement)

    put_in_place(ledger)

    assert missing_triggers(connection) == []


def test_put_in_place_it_has_no_trigger_that_somebody_added(ledger, told):
    body = "BEGIN SELECT RAISE(IGNORE); END"
    if connection.vendor == "postgresql":
        body = "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    with connection.cursor() as cursor:
        connection.check_constraints()
        cursor.execute(f"CREATE TRIGGER sink BEFORE UPDATE ON accounts_balance {body}")
    assert added_triggers(connection) == ["sink on accounts_balance"]

    rebuild(ledger, told)
    put_in_place(ledger)

    assert added_triggers(connection) == []


def test_put_in_place_it_goes_on_with_the_same_chain(ledger, told):
    rebuild(ledger, told)
    put_in_place(ledger)
    repeated = submitted(1)

    outcomes = ledger.post(submitted(25), repeated, repeated)

    assert (outcomes.posted, outcomes.repeats) == (2, 1)
    assert Balance.objects.get(account="C100").balance_minor == 476


def test_putting_in_place_keeps_what_is_not_of_the_log_and_begins_a_new_epoch(ledger, told):
    Account.objects.filter(number="C200").delete()
    Account.objects.filter(number="C100").update(holder="Ada")
    LogPosition.objects.filter(partition=1).update(refused_batches=4)
    outbox, epoch = Outbox.objects.count(), current_epoch()
    rebuild(ledger, told)

    put_in_place(ledger)

    assert dict(Account.objects.values_list("number", "holder")) == {"C100": "Ada", "C200": ""}
    assert LogPosition.objects.get(partition=1).refused_batches == 4
    assert Outbox.objects.count() == outbox
    assert current_epoch() != epoch
    assert Log.objects.get(is_current=True).pk == ledger.log.pk


def test_a_ledger_that_has_moved_meanwhile_is_not_replaced(ledger, told):
    rebuild(ledger, told)
    expected = note().next_offsets()
    ledger.post(submitted(1))

    with pytest.raises(scratch.LedgerMoved):
        scratch.put_in_place(current_log=ledger.log.pk, expected=expected)

    assert Entry.objects.count() == 7


@pytest.mark.parametrize("statement", range(4, 30, 3))
def test_a_failure_at_any_statement_leaves_the_former_ledger_whole(ledger, told, statement):
    rebuild(ledger, told)
    before, holds, epoch = schema(), content(), current_epoch()
    run = 0

    def fail_at_that_one(execute, sql, params, many, context):
        nonlocal run
        run += 1
        if run == statement:
            raise RuntimeError("killed")
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(fail_at_that_one):
            put_in_place(ledger)
    except RuntimeError:
        assert (schema(), content(), current_epoch()) == (before, holds, epoch)
    else:
        pytest.skip(f"There are only {run} statements.")
