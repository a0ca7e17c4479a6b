"""The list of transactions and its export: one filter, page by page, nothing of another branch."""

import csv
import io
import re
from datetime import date, timedelta

import pytest
from django.test import AsyncClient
from django.utils import timezone

from accounts.models import Account, Entry
from accounts.selectors import transactions
from accounts.selectors.orders import ORDERS
from tests.accounts.test_submit_page import plain
from tests.builders import opened, submitted, withdrawn


def amounts(page: str) -> list[str]:
    """The amounts of a list from top to bottom."""
    return re.findall(r'c-amount figure"><a [^>]*>([^<]*)</a>', page)


@pytest.fixture
def history(bank) -> None:
    """Four more transactions of C100 over four days, the third one rejected."""
    bank.ledger.post(
        submitted(1_100, business_date=date(2026, 3, 1), reference="=HYPERLINK(1)"),
        withdrawn(2_200, business_date=date(2026, 3, 2)),
        withdrawn(999_900, business_date=date(2026, 3, 3)),
        submitted(4_400, business_date=date(2026, 3, 4)),
    )


def listed(client, **query: str) -> list[str]:
    return amounts(plain(client.get("/transactions/", query)))


def test_the_newest_business_date_comes_first(bank, signed_in, history):
    assert listed(signed_in(bank.teller)) == [
        "+830,00",
        "+44,00",
        "−9 999,00",
        "−22,00",
        "+11,00",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"account": "c100", "kind": "withdrawal"}, ["−9 999,00", "−22,00"]),
        ({"from": "2026-03-02", "to": "2026-03-03"}, ["−9 999,00", "−22,00"]),
        ({"to": "2026-03-01"}, ["+11,00"]),
        ({"outcome": "rejected"}, ["−9 999,00"]),
        ({"outcome": "posted", "kind": "withdrawal"}, ["−22,00"]),
        ({"kind": "account_opened"}, ["0,00"]),
        ({"account": "C900"}, []),
        ({"account": "C404"}, []),
        ({"from": "2030-01-01"}, []),
    ],
)
def test_the_filter_of_the_address_decides(bank, signed_in, history, query, expected):
    assert listed(signed_in(bank.teller), **query) == expected


def test_openings_are_shown_on_request(bank, signed_in):
    client = signed_in(bank.teller)

    assert listed(client) == ["+830,00"]
    assert listed(client, all_entries="1") == ["+830,00", "0,00"]


def test_who_watches_the_bank_sees_every_branch(bank, signed_in):
    assert sorted(listed(signed_in(bank.auditor))) == ["+77,00", "+830,00"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"account": "C404"}, "Compte inconnu : C404"),
        ({"from": "2030-01-01"}, "Aucune ne correspond"),
        ({"from": "someday"}, "Le filtre ne peut être lu"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "La fin précède le début."),
        ({"kind": "transfer"}, "Le filtre ne peut être lu"),
    ],
)
def test_an_empty_list_says_why_and_how_to_clear_it(bank, signed_in, query, words):
    page = plain(signed_in(bank.teller).get("/transactions/", query))

    assert words in page
    assert "Effacer les filtres" in page


def test_a_filter_that_is_refused_counts_no_rows(bank, signed_in):
    client = signed_in(bank.teller)

    assert "0 ligne affichée" in plain(client.get("/transactions/", {"from": "2030-01-01"}))
    assert "affichée" not in plain(client.get("/transactions/", {"from": "someday"}))


def test_a_ledger_without_transactions_says_so(bank, signed_in):
    Account.objects.filter(number="C100").update(branch=bank.stranger.branch)

    page = plain(signed_in(bank.teller).get("/transactions/"))

    assert "Aucune opération" in page
    assert "Aucune ne correspond" not in page


def test_paging_shows_each_row_once(bank, signed_in):
    bank.ledger.post(*(submitted(n, business_date=date(2026, 1, 1 + n % 7)) for n in range(1, 121)))
    client = signed_in(bank.teller)

    shown, address, pages = [], "/transactions/?account=C100", 0
    while address:
        page = client.get(address).content.decode()
        shown += re.findall(r'data-transaction="([^"]+)"', page)
        older = re.search(r'href="(\?[^"]*before=[^"]+)"', page)
        address = "/transactions/" + older[1].replace("&amp;", "&") if older else ""
        pages += 1

    by_date = Entry.objects.filter(account="C100", kind=2).order_by("-business_date", "-id")
    assert shown == [str(entry.transaction_id) for entry in by_date]
    assert pages == 3


def sorted_by(entries, order: str) -> list[str]:
    """What a page says it does, done by hand."""
    column = order.removeprefix("-")

    def value(entry):
        return {
            "date": entry.business_date,
            "account": entry.account_id,
            "amount": entry.amount_minor,
            "balance": entry.balance_minor,
        }[column]

    tie = sorted(entries, key=lambda entry: entry.pk if order == "date" else -entry.pk)
    known = [entry for entry in tie if value(entry) is not None]
    ordered = sorted(known, key=value, reverse=order.startswith("-"))
    return [
        str(entry.transaction_id)
        for entry in [*ordered, *(entry for entry in tie if value(entry) is None)]
    ]


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_pages_by_value_and_shows_each_row_once(bank, signed_in, monkeypatch, order):
    monkeypatch.setattr(transactions, "PAGE_LENGTH", 7)
    days = [date(2026, 1, 1 + n % 3) for n in range(20)]
    bank.ledger.post(*(submitted(100 * (n % 4 + 1), business_date=d) for n, d in enumerate(days)))
    bank.ledger.post(
        *(submitted(100 * n, account="C900") for n in range(1, 4)), submitted(account="C404")
    )
    client = signed_in(bank.auditor)

    shown, address = [], f"/transactions/?sort={order}"
    while address:
        page = client.get(address).content.decode()
        shown += re.findall(r'data-transaction="([^"]+)"', page)
        further = re.search(r'href="(\?[^"]*before=[^"]+)"', page)
        address = "/transactions/" + further[1].replace("&amp;", "&") if further else ""
        # What is posted meanwhile moves no row to another page.
        bank.ledger.post(submitted(1, business_date=date(2026, 2, 1), source="meanwhile"))

    entries = Entry.objects.filter(kind__in=(2, 3)).exclude(source="meanwhile")
    late = {str(e.transaction_id) for e in Entry.objects.filter(source="meanwhile")}
    assert [each for each in shown if each not in late] == sorted_by(entries, order)
    assert len(shown) == len(set(shown))


def test_a_head_says_how_the_list_is_sorted_and_turns_it_round(bank, signed_in):
    page = signed_in(bank.teller).get("/transactions/?sort=-amount").content.decode()

    assert re.search(r'aria-sort="descending"><a href="\?range=all&amp;sort=amount"', page)
    assert re.search(r'aria-sort="none"><a href="\?range=all&amp;sort=account"', page)
    assert re.search(r'aria-sort="none"><a href="\?range=all&amp;sort=-date"', page)


def test_the_account_page_pages_in_ledger_order(bank, signed_in):
    bank.ledger.post(*(submitted(100, business_date=date(2026, 1, 20 - n)) for n in range(20)))
    client = signed_in(bank.teller)

    first = client.get("/accounts/C100/").content.decode()
    older = re.search(r'href="(/accounts/C100/\?before=[^"]+)"', first)
    second = client.get(older[1]).content.decode()

    shown = re.findall(r'data-transaction="([^"]+)"', first + second)
    in_order = Entry.objects.filter(account="C100").order_by("-id")
    assert shown == [str(entry.transaction_id) for entry in in_order]


@pytest.mark.parametrize("mark", ["nonsense", "01980000-0000-7000-8000-000000000000"])
def test_a_mark_that_means_nothing_begins_at_the_newest(bank, signed_in, mark):
    assert listed(signed_in(bank.teller), before=mark) == ["+830,00"]


def test_a_usual_range_moves_on_with_the_days(bank, signed_in):
    today = timezone.localdate()
    dates = (today, today - timedelta(days=29), today - timedelta(days=30))
    bank.ledger.post(*(submitted(100 * n, business_date=day) for n, day in enumerate(dates, 1)))

    shown = listed(signed_in(bank.teller), range="30d")

    assert "+2,00" in shown
    assert "+3,00" not in shown


async def export(agent, **query: str) -> tuple[int, list[list[str]]]:
    client = AsyncClient()
    await client.aforce_login(agent)
    response = await client.get("/transactions/export.csv", query)
    if response.status_code != 200:
        return response.status_code, []
    text = b"".join([part async for part in response.streaming_content]).decode()
    return response.status_code, list(csv.reader(io.StringIO(text)))


@pytest.mark.django_db(transaction=True)
async def test_the_export_holds_exactly_what_the_filter_shows(transactional_db):
    bank = await _bank_with_history()

    _, rows = await export(bank.teller, account="c100", to="2026-03-03")

    assert rows[0] == [
        *("transaction_id", "business_date", "account", "kind", "amount", "balance", "outcome"),
        *("reason", "reference", "submitted_by", "partition", "offset", "logged_at"),
    ]
    assert [row[1:8] for row in rows[1:]] == [
        ["2026-03-01", "C100", "deposit", "11.00", "841.00", "posted", ""],
        ["2026-03-02", "C100", "withdrawal", "22.00", "819.00", "posted", ""],
        ["2026-03-03", "C100", "withdrawal", "9999.00", "819.00", "rejected", "overdraft"],
    ]
    assert rows[1][8] == "'=HYPERLINK(1)"
    assert rows[1][12] == "1970-01-01T00:00:01.002Z"


@pytest.mark.django_db(transaction=True)
async def test_the_export_has_openings_on_request_and_no_other_branch(transactional_db):
    bank = await _bank_with_history()

    _, shown = await export(bank.teller)
    _, everything = await export(bank.teller, all_entries="1")
    _, unknown = await export(bank.teller, account="C900")

    assert {row[2] for row in shown[1:]} == {"C100"}
    assert len(everything) == len(shown) + 1
    assert len(unknown) == 1


@pytest.mark.django_db(transaction=True)
async def test_an_export_that_cannot_be_understood_is_refused(transactional_db):
    bank = await _bank_with_history()

    status, _ = await export(bank.teller, **{"from": "someday"})

    assert status == 400


def test_a_filter_that_is_wrong_offers_no_file(bank, signed_in, history):
    client = signed_in(bank.teller)

    right = plain(client.get("/transactions/", {"from": "2026-01-01"}))
    wrong = plain(client.get("/transactions/", {"from": "2026-12-01", "to": "2026-01-01"}))

    assert "/transactions/export.csv" in right
    assert "/transactions/export.csv" not in wrong


def test_an_export_of_a_wrong_filter_says_so_on_a_page_of_ours(bank, signed_in):
    dates = {"from": "2026-12-01", "to": "2026-01-01"}

    response = signed_in(bank.teller).get("/transactions/export.csv", dates)

    page = plain(response)
    assert response.status_code == 400
    assert "<h1>Le filtre ne peut être lu</h1>" in page
    assert "Au : La fin précède le début." in page
    assert "* to" not in page


def test_a_balance_below_zero_has_an_ascii_minus_in_a_file(bank):
    from accounts.csv_rows import entry_rows

    bank.ledger.post(withdrawn(90_000), opened(account="C101"))
    entry = Entry.objects.filter(kind=3).get()

    assert next(entry_rows([entry]))[5] == "-70.00"


async def _bank_with_history():
    from asgiref.sync import sync_to_async

    from tests.accounts.conftest import build_bank

    bank = await sync_to_async(build_bank)()
    await sync_to_async(history.__wrapped__)(bank)
    return bank


def test_what_nobody_submitted_at_its_time_shows_none(bank, signed_in):
    day = date(2026, 3, 1)
    bank.ledger.post(submitted(1_100, business_date=day, source="demo"))
    bank.ledger.post(submitted(2_200, business_date=day, source="import"))
    bank.ledger.post(submitted(3_300, business_date=day, source="portal"))

    page = plain(signed_in(bank.teller).get("/transactions/", {"to": "2026-03-01"}))

    assert amounts(page) == ["+33,00", "+22,00", "+11,00"]
    assert re.findall(r"<span>1er mars</span>( \d\d:\d\d)?", page) == [" 10:30", "", ""]


@pytest.mark.parametrize("address", ["/transactions/", "/transactions/export.csv", "/dashboard/"])
@pytest.mark.parametrize("moment", ["0001-01-01 00:00", "1969-12-31 00:00"])
def test_nothing_was_known_before_milliseconds_count(bank, signed_in, address, moment) -> None:
    response = signed_in(bank.teller).get(address, {"as_of": moment})

    assert response.status_code == 200
