"""Statements: exact over any dates, on every page, as a page, a PDF and a CSV file."""

import csv
import io
import random
import re
from datetime import date, timedelta

import pytest
from django.test import AsyncClient
from django.utils import timezone

from accounts.models import Account, Entry
from accounts.selectors import statements
from accounts.selectors.months import last_month
from accounts.selectors.periods import Period
from accounts.selectors.statements import (
    NotTheSameRows,
    lines_of,
    statement_of,
    statement_part,
)
from tests.accounts.test_submit_page import plain
from tests.builders import opened, submitted, withdrawn


@pytest.fixture
def history(bank) -> None:
    """C100 over five days: not in the order of their dates, one rejected, two of one day."""
    bank.ledger.post(
        submitted(1_100, business_date=date(2026, 3, 4), reference="Loyer mars"),
        withdrawn(2_200, business_date=date(2026, 3, 2)),
        withdrawn(99_999_900, business_date=date(2026, 3, 3)),
        submitted(4_400, business_date=date(2026, 3, 4)),
        submitted(10_000, business_date=date(2025, 12, 31)),
    )


def sheet(client, **query: str) -> list[tuple[str, ...]]:
    """The lines of a statement's page as it shows them: date, amount, balance."""
    page = plain(client.get("/accounts/C100/statement/", query))
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)[1:]
    return [
        tuple(
            re.sub(r"<[^>]+>", "", cell).strip()
            for cell in re.findall(r'class="c-(?:date|amount|balance)[^>]*>(.*?)</td>', row)
        )
        for row in rows
    ]


def test_a_statement_runs_by_business_date_from_opening_to_closing_balance(
    bank, signed_in, history
):
    assert sheet(signed_in(bank.teller), **{"from": "2026-03-01", "to": "2026-03-31"}) == [
        ("01/03/2026", "", "100,00"),
        ("02/03/2026", "−22,00", "78,00"),
        ("04/03/2026", "+11,00", "89,00"),
        ("04/03/2026", "+44,00", "133,00"),
        ("31/03/2026", "", "133,00"),
    ]


def test_sums_and_dates_are_said_beside(bank, signed_in, history):
    address = "/accounts/C100/statement/?from=2026-03-01&to=2026-03-31"
    page = plain(signed_in(bank.teller).get(address))

    assert "Du 1er mars 2026 au 31 mars 2026" in page
    assert "+55,00" in page
    assert "−22,00" in page
    assert "3 opérations" in page


def test_everything_ends_with_the_balance_of_now(bank, signed_in, history):
    rows = sheet(signed_in(bank.teller), range="all")

    assert rows[0] == ("31/12/2025", "", "0,00")
    assert rows[-1][2] == "963,00"
    assert len(rows) == 7


def test_without_dates_it_is_the_last_full_month_where_that_has_rows(
    bank, signed_in, history, monkeypatch
):
    client = signed_in(bank.teller)
    today = date(2026, 7, 15)
    monkeypatch.setattr(timezone, "localdate", lambda *_: today)
    assert len(sheet(client)) == 7

    month = last_month(today)
    bank.ledger.post(submitted(700, business_date=month.first))

    assert sheet(client)[1:-1] == [(month.first.strftime("%d/%m/%Y"), "+7,00", sheet(client)[1][2])]


def test_the_opening_is_where_every_statement_begins_and_no_transaction(bank, signed_in):
    Account.objects.create(number="C150", holder="", branch=bank.teller.branch)
    bank.ledger.post(
        opened(account="C150", opening_balance_minor=50_000, business_date=date(2026, 2, 1)),
        withdrawn(1_000, account="C150", business_date=date(2026, 2, 3)),
        partition=2,
    )

    found = statement_of(bank.teller, "C150", Period(date(2026, 2, 2), date(2026, 2, 28)))

    assert (found.opening_minor, found.closing_minor, found.count) == (50_000, 49_000, 1)
    assert statement_of(bank.teller, "C150", Period()).first == date(2026, 2, 1)


def test_open_to_a_side_it_goes_as_far_as_there_are_rows_and_ends_no_sooner_than_it_begins(bank):
    tomorrow = timezone.localdate() + timedelta(days=1)
    bank.ledger.post(submitted(1, business_date=tomorrow))
    long_before = date(2000, 1, 1)

    whole = statement_of(bank.teller, "C100", Period())
    empty = statement_of(bank.teller, "C100", Period(None, long_before))

    assert whole.last == tomorrow
    assert (empty.first, empty.last, empty.count) == (long_before, long_before, 0)


@pytest.mark.parametrize("busy_from", [0, 20_000])
def test_the_running_balance_is_right_on_every_page(bank, monkeypatch, busy_from):
    monkeypatch.setattr(statements, "PAGE_LENGTH", 7)
    monkeypatch.setattr(statements, "_BUSY_FROM", busy_from)
    shuffled = random.Random(5)
    events = [
        shuffled.choice((submitted, withdrawn))(
            shuffled.randrange(1, 900), business_date=date(2026, 5, 1 + shuffled.randrange(6))
        )
        for _ in range(60)
    ]
    bank.ledger.post(*events)
    bank.ledger.post(submitted(5, account="C900", business_date=date(2026, 5, 3)), partition=1)
    period = Period(date(2026, 5, 2), date(2026, 5, 5))

    shown, after, before = [], None, None
    while True:
        statement, part = statement_part(bank.teller, "C100", period, after=after)
        assert part.count_before == len(shown)
        assert part.before_minor == (statement.opening_minor if before is None else before)
        shown += part.lines
        before, after = part.balance_minor, part.after
        if after is None:
            break

    in_order = Entry.objects.filter(
        account="C100", outcome=1, business_date__range=(period.first, period.last)
    ).order_by("business_date", "id")
    assert [line.transaction_id for line in shown] == [each.transaction_id for each in in_order]
    balance_minor = statement.opening_minor
    for line in shown:
        balance_minor += line.signed_amount_minor
        assert line.balance_minor == balance_minor
    assert balance_minor == statement.closing_minor
    assert [line for part in lines_of(statement) for line in part] == shown


def test_the_page_leads_on_and_says_what_is_carried(bank, signed_in, monkeypatch):
    monkeypatch.setattr(statements, "PAGE_LENGTH", 2)
    bank.ledger.post(*(submitted(100 * n, business_date=date(2026, 6, n)) for n in (1, 2, 3)))
    client = signed_in(bank.teller)
    address = "/accounts/C100/statement/?from=2026-06-01&to=2026-06-30"

    first = plain(client.get(address))
    following = re.search(r'href="(\?[^"]*after=[^"]+)"', first)[1].replace("&amp;", "&")
    second = plain(client.get("/accounts/C100/statement/" + following))

    assert "À reporter" in first
    assert "Report" in second
    assert "3 à 3 sur 3" in second
    assert "Du début" in second


def test_rows_of_another_ledger_are_not_taken_for_the_statement(bank, history):
    statement = statement_of(bank.teller, "C100", Period())
    parts = lines_of(statement)
    object.__setattr__(statement, "known_until", Entry.objects.latest("id").pk - 1)

    with pytest.raises(NotTheSameRows, match="do not come to"):
        list(parts)


def test_what_is_posted_meanwhile_is_not_on_it(bank, history):
    statement = statement_of(bank.teller, "C100", Period())

    bank.ledger.post(submitted(1))

    assert sum(len(part) for part in lines_of(statement)) == statement.count


@pytest.mark.parametrize("page", ["statement/", "statement.pdf", "statement.csv"])
@pytest.mark.parametrize("number", ["C900", "C404"])
def test_a_statement_of_another_branch_is_not_there(bank, signed_in, page, number):
    response = signed_in(bank.teller).get(f"/accounts/{number}/{page}?range=all")

    assert response.status_code == 404
    assert "77,00" not in plain(response)


@pytest.mark.parametrize("page", ["statement/", "statement.pdf", "statement.csv"])
def test_an_operator_gets_no_statement(bank, signed_in, page):
    assert signed_in(bank.operator).get(f"/accounts/C100/{page}").status_code == 403


def test_an_account_that_is_not_open_yet_has_none(bank, signed_in):
    Account.objects.create(number="D1", holder="", branch=bank.teller.branch)
    client = signed_in(bank.teller)

    assert "Pas encore de relevé" in plain(client.get("/accounts/D1/statement/"))
    assert client.get("/accounts/D1/statement.pdf").status_code == 404
    assert client.get("/accounts/D1/statement.csv").status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": "someday"}, "Les dates ne peuvent être lues"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "La fin précède le début."),
        ({"from": "0001-01-01"}, "de 1900 à 2199"),
    ],
)
def test_dates_that_cannot_be_read_are_said(bank, signed_in, query, words):
    client = signed_in(bank.teller)

    assert words in plain(client.get("/accounts/C100/statement/", query))
    assert client.get("/accounts/C100/statement.csv", query).status_code == 400
    assert client.get("/accounts/C100/statement.pdf", query).status_code == 400


def test_an_address_in_another_case_keeps_its_dates(bank, signed_in):
    response = signed_in(bank.teller).get("/accounts/c100/statement/?from=2026-03-01")

    assert response.headers["Location"] == "/accounts/C100/statement/?from=2026-03-01"


def test_the_account_leads_to_its_statement(bank, signed_in):
    assert 'href="/accounts/C100/statement/"' in plain(
        signed_in(bank.teller).get("/accounts/C100/")
    )


async def download(agent, **query: str) -> tuple[object, list[list[str]]]:
    client = AsyncClient()
    await client.aforce_login(agent)
    response = await client.get("/accounts/C100/statement.csv", query)
    text = b"".join([part async for part in response.streaming_content]).decode()
    return response, list(csv.reader(io.StringIO(text)))


@pytest.mark.django_db(transaction=True)
async def test_the_csv_is_the_statement_with_its_count_at_the_end(transactional_db):
    bank = await _bank(
        submitted(1_100, business_date=date(2026, 3, 1), reference="=HYPERLINK(1)"),
        withdrawn(2_200, business_date=date(2026, 3, 2)),
    )

    response, rows = await download(bank.teller, **{"from": "2026-03-01", "to": "2026-03-31"})

    assert response.is_async
    assert "statement-C100-2026-03-01-2026-03-31.csv" in response.headers["Content-Disposition"]
    assert [row[:7] + row[8:] for row in rows] == [
        [
            *("line", "business_date", "account", "kind", "amount", "balance"),
            *("reference", "transactions"),
        ],
        ["opening", "2026-03-01", "C100", "", "", "0.00", "", ""],
        ["transaction", "2026-03-01", "C100", "deposit", "11.00", "11.00", "'=HYPERLINK(1)", ""],
        ["transaction", "2026-03-02", "C100", "withdrawal", "-22.00", "-11.00", "", ""],
        ["closing", "2026-03-31", "C100", "", "-11.00", "-11.00", "", "2"],
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/accounts/C100/statement.csv", "/transactions/export.csv"])
async def test_a_file_that_fails_midway_does_not_look_complete(
    transactional_db, monkeypatch, caplog, address
):
    bank = await _bank(*(submitted(n, business_date=date(2026, 3, 1)) for n in (1, 2, 3)))
    monkeypatch.setattr("accounts.csv_rows._moment", _fail)
    monkeypatch.setattr("accounts.statement_csv._line_row", _fail)
    client = AsyncClient()
    await client.aforce_login(bank.teller)

    response = await client.get(address, {"account": "C100"})
    text = b"".join([part async for part in response.streaming_content]).decode()

    assert text.splitlines()[-1].startswith("INCOMPLETE,")
    assert "closing" not in text
    assert "ended after" in caplog.text
    assert "C100" not in caplog.text


def _fail(*_details):
    raise OSError("The disk has gone.")


async def _bank(*events):
    from asgiref.sync import sync_to_async

    from tests.accounts.conftest import build_bank

    bank = await sync_to_async(build_bank)()
    await sync_to_async(bank.ledger.post)(*events)
    return bank


def test_presets_are_whole_months_and_years():
    from accounts.selectors.months import this_month, this_year

    assert last_month(date(2026, 3, 31)) == Period(date(2026, 2, 1), date(2026, 2, 28))
    assert last_month(date(2026, 1, 1)) == Period(date(2025, 12, 1), date(2025, 12, 31))
    assert this_month(date(2024, 2, 29)) == Period(date(2024, 2, 1), date(2024, 2, 29))
    assert this_month(date(2026, 12, 5)) == Period(date(2026, 12, 1), date(2026, 12, 31))
    assert this_year(date(2026, 7, 1)) == Period(date(2026, 1, 1), date(2026, 12, 31))
    assert (timedelta(days=1) + this_year(date(2026, 7, 1)).last).year == 2027
