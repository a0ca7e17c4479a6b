"""Time: order is by offset, dates are those of the events, and no clock or zone moves money."""

import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import override_settings
from msgspec.structs import replace

from accounts.ledger import posting
from accounts.models import Agent, DailyTotal, Entry, Role
from accounts.selectors.filters import Filter
from accounts.selectors.panels import Asked, read_panels
from accounts.selectors.transactions import account_page, transactions_page
from tests.builders import delivered, opened, submitted, withdrawn

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
AUDITOR = Agent(role=Role.AUDITOR)
ZONES = ("Europe/Paris", "Pacific/Kiritimati", "Etc/GMT+12", "UTC")


def rows() -> list[tuple]:
    """What the ledger holds, without when it was written."""
    return list(
        Entry.objects.order_by("id").values_list(
            "offset", "outcome", "reason", "balance_minor", "business_date", "link"
        )
    )


@pytest.mark.parametrize("shift", [-DAY, DAY], ids=["a day behind", "a day ahead"])
def test_order_is_by_offset_whatever_the_clocks_of_agents_say(ledger, shift):
    ledger.post(
        opened(submitted_at=NOON),
        submitted(100, submitted_at=NOON + shift),
        withdrawn(100, submitted_at=NOON - shift),
        withdrawn(1, submitted_at=NOON + 2 * shift),
    )

    assert [(row[0], row[2], row[3]) for row in rows()] == [
        (0, "", 0),
        (1, "", 100),
        (2, "", 0),
        (3, "overdraft", 0),
    ]


def test_order_is_by_offset_whatever_the_brokers_clock_says(ledger):
    events = [opened(), submitted(100), withdrawn(100)]
    day_ms = 86_400_000
    times = (2 * day_ms, day_ms, 0)

    ledger.post_messages(
        [
            replace(delivered(event, n), logged_at_ms=at_ms)
            for n, (event, at_ms) in enumerate(zip(events, times, strict=True))
        ]
    )

    assert [row[3] for row in rows()] == [0, 100, 0]
    assert list(Entry.objects.order_by("id").values_list("logged_at_ms", flat=True)) == list(times)


@pytest.mark.parametrize("shift", [-DAY, DAY], ids=["a day behind", "a day ahead"])
def test_the_consumers_clock_changes_neither_order_nor_balances_nor_the_chain(
    ledger, monkeypatch, shift
):
    events = [opened(), submitted(100), withdrawn(30), withdrawn(99)]
    half, rest = events[:2], events[2:]
    now_ns = posting.time.time_ns()
    ledger.post(*half)
    first = list(Entry.objects.order_by("id").values_list("posted_at_ms", flat=True))
    shifted_ns = now_ns + int(shift.total_seconds()) * 10**9
    monkeypatch.setattr(posting.time, "time_ns", lambda: shifted_ns)

    ledger.post(*rest)

    later = list(Entry.objects.order_by("id").values_list("posted_at_ms", flat=True))[2:]
    assert all((at_ms > first[-1]) == (shift > timedelta()) for at_ms in later)
    assert [row[3] for row in rows()] == [0, 100, 70, 70]
    assert [row[5] for row in rows()] == chain_of(ledger, events)


def chain_of(ledger, events) -> list[bytes]:
    """The links as the pure core gives them, which has no clock at all."""
    from accounts.ledger.conclusions import Books, Tally, conclude, understand
    from accounts.ledger.messages import NO_LINK

    books = Books(
        fingerprint=ledger.identity.fingerprint(),
        accounts={},
        concluded={},
        partitions={0: Tally(next_offset=0, link=NO_LINK)},
    )
    conclude([understand(delivered(event, n)) for n, event in enumerate(events)], books)
    return [each.link for each in books.entries]


@pytest.fixture
def around_midnight(ledger):
    """Movements whose moments are other days than their business dates, in one zone or another."""
    ledger.post(
        opened(),
        submitted(100, business_date=date(2026, 11, 22), submitted_at=NOON + DAY),
        submitted(20, business_date=date(2026, 11, 23), submitted_at=NOON - 12 * DAY / 24),
        withdrawn(3, business_date=date(2026, 11, 23), submitted_at=NOON + 11.5 * DAY / 24),
        withdrawn(4, business_date=date(2026, 11, 24), submitted_at=NOON - DAY),
    )
    return ledger


def totals() -> dict:
    """Everything that is summed or ranged by date, for the days around."""
    found: dict = {"daily": sorted(DailyTotal.objects.values_list("business_date", "amount_minor"))}
    for day in (date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)):
        of_day = Filter(range="dates", first=day, last=day, accounts=("C100",))
        asked = [Asked("totals"), Asked("balance")]
        sums = {each.name: shown for each, shown in read_panels(AUDITOR, of_day, asked).items()}
        listed = transactions_page(AUDITOR, of_day).rows
        found[day] = (
            sums["totals"].deposits_minor,
            sums["totals"].withdrawals_minor,
            sums["balance"].lines[0].balance_minor,
            [row.amount_minor for row in listed],
        )
    out = io.StringIO()
    call_command("export_transactions", "--from", "2026-11-23", "--to", "2026-11-23", stdout=out)
    found["export"] = out.getvalue()
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_a_changed_time_zone_changes_no_total(around_midnight, zone):
    before = totals()

    with override_settings(TIME_ZONE=zone):
        after = totals()

    assert after == before
    assert before[date(2026, 11, 23)][:2] == (20, 3)
    assert before["export"].count("\n") == 3


def test_postings_under_another_time_zone_come_to_the_same_totals(ledger):
    events = [opened(), submitted(100, submitted_at=NOON + 11.5 * DAY / 24)]
    for zone, event in zip(ZONES, events, strict=False):
        with override_settings(TIME_ZONE=zone):
            ledger.post(event)

    assert list(DailyTotal.objects.values_list("business_date", "amount_minor")) == [
        (date(2026, 11, 23), 100)
    ]


def test_a_statement_goes_by_business_date_and_an_account_by_the_log(ledger):
    ledger.post(
        opened(),
        submitted(1, business_date=date(2026, 11, 23)),
        submitted(2, business_date=date(2026, 11, 20)),
        submitted(3, business_date=date(2026, 11, 23)),
    )

    statement = transactions_page(AUDITOR, Filter(accounts=("C100",))).rows
    account = account_page(AUDITOR, "C100").rows

    assert [(row.amount_minor, row.balance_minor) for row in statement] == [(3, 6), (1, 1), (2, 3)]
    assert [row.amount_minor for row in account][:3] == [3, 2, 1]
