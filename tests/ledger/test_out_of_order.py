"""Several consumers on one PostgreSQL: whoever follows the ledger by its ids misses none."""

import threading

import pytest
from django.db import connection
from django.db.transaction import atomic

from accounts.models import Entry
from accounts.selectors.positions import current_position
from tests.builders import LedgerInTest, opened, submitted
from tests.databases import only_on
from tests.processes import wait_until

pytestmark = only_on("postgresql", "SQLite has one writer by nature")
WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


def posts_in_a_thread(ledger: LedgerInTest, *events, partition: int, hold=None):
    """Post in a transaction of its own, which stays open until ``hold`` is over."""
    is_written = threading.Event()

    def post() -> None:
        try:
            with atomic():
                ledger.post(*events, partition=partition)
                is_written.set()
                if hold is not None:
                    hold.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=post)
    thread.start()
    return thread, is_written


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_not_seen_before_one_whose_ids_are_lower(ledger: LedgerInTest) -> None:
    """Guard: one batch at a time takes ids. Without it the second is seen first, and who has seen
    it never asks for the first."""
    hold = threading.Event()
    first, is_written = posts_in_a_thread(ledger, opened(), submitted(), partition=0, hold=hold)
    assert is_written.wait(30)
    second, _ = posts_in_a_thread(ledger, opened(account="C200"), partition=1)
    try:
        wait_until(lambda: waiting() or not second.is_alive(), "the second one waits, or is done")
        seen_meanwhile = current_position().entry_id
    finally:
        hold.set()
        first.join()
        second.join()

    assert seen_meanwhile == 0
    assert list(Entry.objects.order_by("id").values_list("partition", flat=True)) == [0, 0, 1]
