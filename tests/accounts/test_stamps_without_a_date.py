"""A producer may stamp its messages with any time: whatever shows them goes on, the ledger too."""

import pytest
from msgspec.structs import replace

from accounts.csv_rows import entry_rows
from accounts.models import Entry
from accounts.models.fields import datable
from accounts.selectors.live_rows import rows_after
from streaming.feed import encode_rows
from tests.accounts.test_submit_page import plain
from tests.builders import delivered, withdrawn

LAST, FIRST = 2**63 - 1, -(2**63)
# The moments beyond which no browser has a date, in milliseconds either way.
OF_BROWSERS = 8_640_000_000_000_000

pytestmark = pytest.mark.parametrize(("stamp", "year"), [(LAST, "9999"), (FIRST, "0001")])


@pytest.fixture
def entry(bank, stamp) -> Entry:
    """A rejected withdrawal that was stamped so."""
    event = withdrawn(99_999_900)
    at = bank.ledger.position().next_offset
    bank.ledger.post_messages([replace(delivered(event, at), logged_at_ms=stamp)])
    return Entry.objects.get(transaction_id=event.transaction_id)


def test_the_ledger_has_the_stamp_as_it_is(entry, stamp, year) -> None:
    assert entry.logged_at_ms == stamp
    assert str(entry.logged_at.year).zfill(4) == year


@pytest.mark.parametrize("address", ["/transactions/{id}/", "/dashboard/default/"])
def test_a_page_shows_the_row(bank, signed_in, entry, address, year) -> None:
    response = signed_in(bank.supervisor).get(address.format(id=entry.transaction_id))

    assert response.status_code == 200
    assert str(entry.transaction_id) in plain(response)


def test_a_receipt_says_the_nearest_time(bank, signed_in, entry, year) -> None:
    page = plain(signed_in(bank.teller).get(f"/transactions/{entry.transaction_id}/"))

    assert f" {year}," in page


def test_the_admin_shows_the_row(bank, signed_in, entry, year) -> None:
    client = signed_in(bank.auditor)

    for address in ("/admin/accounts/entry/", f"/admin/accounts/entry/{entry.pk}/change/"):
        assert client.get(address).status_code == 200


def test_a_live_row_has_a_time_that_browsers_know(entry, stamp, year) -> None:
    (placed,) = rows_after(entry.pk - 1, until=entry.pk, limit=1)
    (encoded,) = encode_rows([placed])

    assert placed.row.logged_at_ms == datable(stamp)
    assert abs(placed.row.logged_at_ms) < OF_BROWSERS
    assert str(placed.row.logged_at_ms) in encoded.text


def test_a_file_has_the_row(entry, year) -> None:
    (cells,) = entry_rows([entry])

    assert cells[-1].startswith(f"{year}-")
    assert cells[-1].endswith("Z")
