"""PostgreSQL sessions that are cut where Django leaves the error to the driver."""

import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import ServerSideCursor

from accounts.database_troubles import streamed
from accounts.ledger.conclusions import understand
from accounts.ledger.identity import identity_of
from accounts.ledger.posting import post_batch
from accounts.models import Entry
from tests.builders import LedgerInTest, delivered, opened, withdrawn
from tests.databases import ask_server, only_on

pytestmark = [
    pytest.mark.django_db(transaction=True),
    only_on("postgresql", "SQLite has no sessions"),
]


def cut(*_nothing: object) -> None:
    ask_server(f"SELECT pg_terminate_backend({connection.connection.info.backend_pid}, 5000)")


def test_cut_before_entries_are_copied_a_batch_is_one_to_be_posted_again(ledger: LedgerInTest):
    """Red where the copy is not wrapped: the consumer dies of the driver's own error."""
    # To refuse it nothing but the entry is written.
    batch = {
        "messages": [understand(delivered(withdrawn(account="C999"), 0))],
        "log_id": ledger.log.pk,
        "identity": identity_of(ledger.log),
        "expected": {0: 0},
    }

    with pytest.raises(OperationalError):
        post_batch(**batch, review=cut)
    connection.close()

    assert post_batch(**batch).rejected == 1


@pytest.mark.filterwarnings(
    "ignore:.*ServerCursorMixin.__del__:pytest.PytestUnraisableExceptionWarning"
)
def test_cut_before_a_cursor_is_closed_rows_end_as_with_any_cut(ledger: LedgerInTest, monkeypatch):
    """Red where the closing is not wrapped: the relay dies of the driver's own error."""
    ledger.post(opened())
    close = ServerSideCursor.close

    def close_late(cursor: ServerSideCursor) -> None:
        cut()
        close(cursor)

    monkeypatch.setattr(ServerSideCursor, "close", close_late)

    with pytest.raises(OperationalError):
        list(streamed(Entry.objects.order_by("id")))
    connection.close()
