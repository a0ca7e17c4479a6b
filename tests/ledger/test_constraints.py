"""What the database itself refuses, whoever writes."""

import pytest
from django.db import DataError, IntegrityError, connection
from django.db.transaction import atomic

from accounts.identifiers import new_transaction_id
from accounts.models import Account, Agent, Branch, Kind
from accounts.services.submissions import submit_transaction
from tests.builders import opened, raw, submitted
from tests.tampering import behind_the_back

EVERYWHERE = [
    ("entry", "outcome = 7"),
    ("entry", "outcome = 2"),
    ("entry", "amount_minor = -1"),
    ("entry", "amount_minor = 0"),
    ("entry", "amount_minor = 1000000000000001"),
    ("entry", "balance_minor = NULL"),
    ("entry", "balance_minor = 1000000000000000001"),
    ("entry", "kind_id = 99"),
    ("entry", "currency = ''"),
    ("entry", "business_date = '1899-12-31'"),
    ("entry", "business_date = '2200-01-01'"),
    ("entry", "partition = -1"),
    ("entry", '"offset" = -1'),
    ("balance", "least_balance_minor = 1"),
    ("balance", "balance_minor = -1000000000000000001"),
    ("balance", "turnover_minor = -1"),
    ("balance", "turnover_minor = 9000000000000000001"),
    ("balance", "posted_count = 0"),
    ("balance", "status = 9"),
    ("balance", "currency = 'E'"),
    ("dailytotal", "count = 0"),
    ("dailytotal", "count = 10001"),
    ("dailytotal", "amount_minor = -5"),
    ("dailytotal", "business_date = '1899-12-31'"),
    ("deadletter", "reason = 'whim'"),
    ("deadletter", '"offset" = -1'),
    ("log", "is_current = NULL"),
    ("log", "partition_count = 0"),
    ("logposition", "next_offset = -1"),
    ("logposition", "posted = -1"),
    ("logposition", "transactions = posted + 1"),
    ("logposition", "repeats = -1"),
    ("submission", "amount_minor = 0"),
    ("submission", "least_balance_minor = 0"),
    ("submission", "kind_id = 1"),
    ("submission", "currency = 'EURO'"),
    ("submission", "business_date = '2200-01-01'"),
    ("outbox", "published_at_ms = 1"),
    ("outbox", "is_done = true"),
    ("outbox", "attempts = -1"),
]
# PostgreSQL's types refuse these, or turn them into what is right, before any check.
ON_SQLITE = [
    ("entry", "amount_minor = 1.25"),
    ("entry", "amount_minor = 'a lot'"),
    ("entry", "logged_at_ms = 'then'"),
    ("entry", "business_date = 'someday'"),
    ("entry", "transaction_id = x'01'"),
    ("entry", "transaction_id = '0123456789abcdef'"),
    ("entry", "digest = x'00'"),
    ("balance", "balance_minor = 9e18"),
    ("dailytotal", "amount_minor = 1e19"),
    ("logposition", "link = x''"),
]


@pytest.fixture
def filled(ledger):
    """A row in every table."""
    branch = Branch.objects.create(code="lyon", name="Lyon")
    teller = Agent.objects.create(username="teller", role="teller", branch=branch)
    ledger.post(opened(), submitted(10_000))
    ledger.post_messages([raw(b"nothing", 2)])
    Account.objects.filter(number="C100").update(branch=branch)
    submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=500,
        by=teller,
    )


def _refuses(table: str, change: str) -> None:
    with pytest.raises((IntegrityError, DataError)), atomic():  # noqa: PT012
        with behind_the_back() as cursor:
            cursor.execute(f"UPDATE accounts_{table} SET {change}")
            assert cursor.rowcount > 0, "there is no row to refuse"
        connection.check_constraints()


@pytest.mark.parametrize(("table", "change"), EVERYWHERE)
def test_the_database_itself_refuses_what_cannot_be(filled, table, change):
    _refuses(table, change)


@pytest.mark.parametrize(("table", "change"), ON_SQLITE)
def test_sqlite_keeps_nothing_but_the_columns_type(filled, table, change):
    if connection.vendor != "sqlite":
        pytest.skip("about SQLite's loose types")
    _refuses(table, change)


def test_a_hash_has_its_length_on_every_database(filled):
    with pytest.raises(IntegrityError), atomic(), behind_the_back() as cursor:
        cursor.execute("UPDATE accounts_entry SET link = %s", [b"short"])
