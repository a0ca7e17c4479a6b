"""What was known at a past moment: by the time of the log, to the cent, in every panel and list."""

import random
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from accounts.ledger.messages import Delivered
from accounts.models import TRANSACTION_KINDS, Agent, Entry, Kind, Role
from accounts.selectors import blocks, standings
from accounts.selectors.filters import Filter
from accounts.selectors.known import known_at
from accounts.selectors.panels import PANELS, Asked, read_panels
from accounts.selectors.periods import beginning_of
from accounts.selectors.transactions import transactions_page
from tests.builders import LedgerInTest, encode, opened, submitted, withdrawn

AUDITOR = Agent(role=Role.AUDITOR)
ACCOUNTS = ("C0", "C1", "C2", "C3")
BEGIN_MS = 1_767_225_600_000  # 2026-01-01
LAST_MS = BEGIN_MS + 60_000
MOMENTS = [BEGIN_MS - 1, *range(BEGIN_MS, LAST_MS + 2_000, 7_000), LAST_MS + 10**9]


def figures(as_of: int | None, **chosen) -> SimpleNamespace:
    shown = read_panels(
        AUDITOR, Filter(as_of=as_of, **chosen), [Asked(name, height="tall") for name in PANELS]
    )
    return SimpleNamespace(**{asked.name: each for asked, each in shown.items()})


class TimedLedger(LedgerInTest):
    """A ledger whose log takes each event at a time that the test says."""

    def post_at(self, at_ms: int, *events, partition: int = 0) -> None:
        start = self.position(partition).next_offset
        self.post_messages(
            [
                Delivered(partition, start + n, at_ms, *encode(event), 0)
                for n, event in enumerate(events)
            ]
        )


@pytest.fixture
def ledger(db, monkeypatch) -> TimedLedger:
    """Four accounts on two partitions that run beside each other, some seconds apart."""
    monkeypatch.setattr(blocks, "BLOCK", 4)
    ledger, dice = TimedLedger(), random.Random(3)
    for place, account in enumerate(ACCOUNTS):
        ledger.post_at(BEGIN_MS + place, opened(account=account), partition=place % 2)
    for n in range(60):
        place = dice.randrange(4)
        build = dice.choice((submitted, submitted, withdrawn))
        event = build(
            dice.randint(1, 500), account=ACCOUNTS[place], business_date=date(2026, 1, 1 + n % 5)
        )
        # One partition is read up to six seconds after the other.
        late_ms = dice.randrange(6) * 1_000 if place % 2 else 0
        ledger.post_at(BEGIN_MS + 1_000 * n + late_ms, event, partition=place % 2)
    return ledger


def rows_known_at(at_ms: int) -> list[Entry]:
    return [entry for entry in Entry.objects.order_by("id") if entry.logged_at_ms <= at_ms]


def transactions(rows: list[Entry], *, posted: bool = True) -> list[Entry]:
    return [row for row in rows if row.kind_id in TRANSACTION_KINDS and row.is_posted == posted]


def test_every_figure_is_that_of_the_rows_that_were_known(ledger):
    for at_ms in MOMENTS:
        compare_figures(at_ms)


def compare_figures(at_ms: int) -> None:
    rows = rows_known_at(at_ms)
    posted = transactions(rows)
    held = {row.account_id: row.balance_minor for row in rows if row.is_posted}

    shown = figures(at_ms)

    deposits = [row.amount_minor for row in posted if row.kind_id == Kind.DEPOSIT]
    assert (shown.totals.deposits, shown.totals.deposits_minor) == (len(deposits), sum(deposits))
    assert shown.totals.withdrawals == len(posted) - len(deposits)
    assert sum(each.deposits + each.withdrawals for each in shown.bars.rows) == len(posted)
    assert {row.account: row.balance_minor for row in shown.low.rows} == held
    assert shown.rejected.count == len(transactions(rows, posted=False))
    assert shown.period.count == len(posted)
    newest = [row.transaction_id for row in sorted(rows, key=lambda row: -row.pk)]
    live = [row.transaction_id for row in shown.live.rows]
    assert live == [each for each in newest if each in set(live)]
    assert len(live) == min(20, len(posted) + shown.rejected.count)


def test_a_balance_goes_as_it_was_known_to_go(ledger):
    for at_ms in MOMENTS[1:]:
        compare_course(at_ms)


def compare_course(at_ms: int) -> None:
    days = {"range": "dates", "first": date(2026, 1, 2), "last": date(2026, 1, 4)}
    of_account = [row for row in transactions(rows_known_at(at_ms)) if row.account_id == "C1"]
    of_account.sort(key=lambda row: (row.business_date, row.pk))
    before = sum(r.signed_amount_minor for r in of_account if r.business_date < days["first"])
    within = [r for r in of_account if days["first"] <= r.business_date <= days["last"]]

    shown = figures(at_ms, accounts=("C1",), **days)
    lines = shown.balance.lines

    of_lines = [(each.account, each.holder, each.balance_minor) for each in lines]
    assert [(b.account, b.holder, b.balance_minor) for b in shown.totals.balances] == of_lines
    if at_ms == BEGIN_MS:
        assert lines == []
        return
    assert lines[0].start_minor == before
    assert [step.change_minor for step in lines[0].steps] == [r.signed_amount_minor for r in within]
    assert lines[0].balance_minor == sum(row.signed_amount_minor for row in of_account)


def test_a_line_goes_no_further_than_the_moment(ledger):
    until = date(2026, 1, 4)
    end_ms = [
        figures(at_ms, accounts=("C1",), range=name, last=until).balance.end_ms
        for name, at_ms in (("all", LAST_MS), ("dates", LAST_MS), ("dates", MOMENTS[-1]))
    ]

    assert end_ms == [LAST_MS, LAST_MS, beginning_of(until + timedelta(days=1))]


def test_only_blocks_that_the_moment_falls_into_are_asked_row_by_row(ledger):
    for at_ms in MOMENTS:
        compare_condition(at_ms)


def compare_condition(at_ms: int) -> None:
    found = known_at(at_ms)

    ids = {row.pk for row in rows_known_at(at_ms)}

    assert set(Entry.objects.filter(found.condition).values_list("id", flat=True)) == ids
    every = set(Entry.objects.values_list("id", flat=True))
    assert {pk for pk in every if pk <= found.sure} <= ids
    assert not any(pk > found.unsure for pk in ids)
    assert found.unsure - found.sure <= 3 * blocks.BLOCK


def test_both_ways_of_counting_come_to_the_same(ledger, monkeypatch):
    at_ms = BEGIN_MS + 33_000
    forward = figures(at_ms)
    standings.standings.forget()
    monkeypatch.setattr(standings.Summed, "is_of_totals", property(lambda _summed: False))

    backward = figures(at_ms)

    # One account has moved nothing by then, and is none of those compared.
    assert forward.bars.accounts == len(ACCOUNTS) - 1
    assert (forward.totals, forward.bars) == (backward.totals, backward.bars)


def test_what_the_ledger_had_not_got_to_is_counted_once_it_has(ledger):
    at_ms = BEGIN_MS + 20_000
    before = figures(at_ms).totals

    ledger.post_at(at_ms - 1, submitted(777, account="C2", business_date=date(2026, 1, 1)))
    ledger.post_at(at_ms + 1, submitted(111, account="C2", business_date=date(2026, 1, 1)))

    after = figures(at_ms).totals
    assert after.deposits_minor - before.deposits_minor == 777


def test_named_ranges_are_those_of_that_day(ledger):
    day = Filter(range="7d", as_of=BEGIN_MS + 5 * 86_400_000).period

    assert (day.first, day.last) == (date(2025, 12, 31), date(2026, 1, 6))


def test_a_list_shows_what_was_known(ledger):
    at_ms = BEGIN_MS + 10_000

    rows = transactions_page(AUDITOR, Filter(as_of=at_ms)).rows

    wanted = [row for row in rows_known_at(at_ms) if row.kind_id in TRANSACTION_KINDS]
    assert {row.transaction_id for row in rows} == {row.transaction_id for row in wanted}
    assert len(rows) == len(wanted)
