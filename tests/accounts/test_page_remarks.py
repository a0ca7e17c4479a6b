"""What pages say beside their tables: of how many, how long posting takes, and where to get all."""

import re
import time

from accounts.events import decode
from accounts.identifiers import new_transaction_id
from accounts.models import Account, Entry, Kind, Outbox
from accounts.services.submissions import submit_transaction
from tests.accounts.test_submit_page import plain
from tests.builders import submitted, withdrawn
from tests.tampering import behind_the_back

DELAYS = "Clic → comptabilisé, dernière heure : médiane 18 ms, 95 % sous 42 ms"


def test_an_account_says_how_many_of_its_posted_transactions_it_lists(bank, signed_in):
    bank.ledger.post(*(submitted(100 + n) for n in range(20)), withdrawn(5_000_000))
    client = signed_in(bank.teller)

    page = plain(client.get("/accounts/C100/"))

    # One of the 16 rows is the rejected withdrawal; the deposit of the bank's beginning is older.
    assert "15 opérations comptabilisées sur 21" in page


def test_an_account_without_a_holder_shows_its_number_once(bank, signed_in):
    Account.objects.create(number="C300", branch=bank.teller.branch)

    page = plain(signed_in(bank.teller).get("/accounts/C300/"))

    assert "<h1>C300</h1>" in page
    assert "<strong>C300</strong>" not in page
    assert "<title>C300 · bankportal</title>" in page


def test_every_page_says_how_long_posting_took_in_the_last_hour(bank, signed_in):
    for delay_ms in (17, 18, 42):
        posted_after(bank, delay_ms)

    page = plain(signed_in(bank.teller).get("/accounts/"))

    assert DELAYS in page


def test_pages_say_nothing_of_delays_of_other_branches(bank, signed_in):
    posted_after(bank, 18)

    pages = [signed_in(each).get("/dashboard/") for each in (bank.stranger, bank.operator)]

    assert not any("dernière heure : médiane" in plain(page) for page in pages)


def posted_after(bank, delay_ms: int) -> None:
    """A deposit that was posted so long after its submission."""
    submission = submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=1_000,
        by=bank.teller,
    )
    row = Outbox.objects.get(submission=submission)
    bank.ledger.post(decode(bytes(row.key), bytes(row.value)))
    now_ms = time.time_ns() // 1_000_000
    with behind_the_back():
        entry = Entry.objects.filter(transaction_id=submission.transaction_id)
        entry.update(submitted_at_ms=now_ms, posted_at_ms=now_ms + delay_ms)


def test_the_dashboard_says_of_how_many_it_lists_the_newest_and_leads_to_all(bank, signed_in):
    bank.ledger.post(*(submitted(100 + n) for n in range(25)), withdrawn(5_000_000))
    client = signed_in(bank.supervisor)

    page = client.get("/dashboard/?range=dates&from=2026-11-01&to=2026-11-30").content.decode()

    assert "19 opérations comptabilisées sur 26" in page
    links = re.findall(r'href="([^"]*)"[^>]* data-of-filter', page)
    chosen = "range=dates&amp;from=2026-11-01&amp;to=2026-11-30"
    assert set(links) == {f"/transactions/{name}?{chosen}" for name in ("", "export.csv")}
