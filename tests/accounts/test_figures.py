"""The figures of a dashboard: exact, of the period, and of what the agent may see."""

import csv
import random
import time
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from accounts.ledger.messages import Delivered
from accounts.models import (
    TRANSACTION_KINDS,
    Account,
    Agent,
    Balance,
    Branch,
    DailyTotal,
    Entry,
    Kind,
    Outbox,
    Outcome,
    Role,
    Submission,
)
from accounts.selectors import balance_lines, blocks
from accounts.selectors.filters import MOST_MOMENT_MS, Filter, usual_range
from accounts.selectors.panels import PANELS, Asked, read_panels
from accounts.selectors.periods import Period
from accounts.selectors.positions import Position, current_position
from accounts.selectors.snapshot import snapshot
from accounts.selectors.standing_balances import balances_at
from accounts.selectors.status import ledger_status
from tests.builders import LedgerInTest, encode, opened, submitted, withdrawn
from tests.tampering import behind_the_back

AUDITOR = Agent(role=Role.AUDITOR)


def figures(chosen: Filter, by: Agent = AUDITOR) -> SimpleNamespace:
    """What every panel shows, each by its name."""
    shown = read_panels(by, chosen, [Asked(name) for name in PANELS])
    return SimpleNamespace(**{asked.name: each for asked, each in shown.items()})


@pytest.fixture
def ledger(db) -> LedgerInTest:
    return LedgerInTest()


@pytest.fixture
def history(ledger) -> LedgerInTest:
    """The bank's own history file."""
    ledger.post(opened(account="C100"), opened(account="C200"))
    rows = [
        ("2024-01-01", "C100", 100_000),
        ("2024-01-02", "C200", 250_000),
        ("2024-01-03", "C200", -20_000),
        ("2024-01-04", "C100", -2_500),
        ("2024-01-05", "C100", -14_500),
    ]
    ledger.post(*(_dated(*row) for row in rows))
    return ledger


def _dated(day: str, account: str, amount_minor: int):
    build = submitted if amount_minor > 0 else withdrawn
    return build(abs(amount_minor), account=account, business_date=date.fromisoformat(day))


def test_after_the_history_everything_shows_830_and_2300(history):
    shown = figures(Filter(accounts=("C100", "C200")))

    assert [(line.account, line.balance_minor) for line in shown.balance.lines] == [
        ("C100", 83_000),
        ("C200", 230_000),
    ]
    assert (shown.totals.deposits, shown.totals.deposits_minor) == (2, 350_000)
    assert (shown.totals.withdrawals, shown.totals.withdrawals_minor) == (3, 37_000)
    assert [(row.account, row.balance_minor) for row in shown.period.rows[:2]] == [
        ("C100", 83_000),
        ("C100", 97_500),
    ]


def test_paying_in_100_gives_930_in_row_tile_line_bars_and_heatmap(history):
    history.post(submitted(10_000, business_date=timezone.localdate()))

    shown = figures(Filter(accounts=("C100",)))

    assert shown.period.rows[0].balance_minor == 93_000
    assert shown.balance.lines[0].balance_minor == 93_000
    assert shown.balance.lines[0].steps[-1].balance_minor == 93_000
    assert shown.totals.today == 1
    sums = {each.account: each for each in shown.bars.rows}["C100"]
    assert (sums.deposits, sums.deposits_minor) == (2, 110_000)


def test_a_line_has_one_step_for_each_transaction(history):
    line = figures(Filter(accounts=("C100",))).balance.lines[0]

    assert line.spans == []
    assert line.start_minor == 0
    assert [(step.balance_minor, step.change_minor) for step in line.steps] == [
        (100_000, 100_000),
        (97_500, -2_500),
        (83_000, -14_500),
    ]


def test_a_line_begins_where_the_account_stood_when_the_period_began(history):
    choice = Filter(range="dates", first=date(2024, 1, 4), last=date(2024, 1, 4))

    shown = figures(Filter(**_fields(choice), accounts=("C100",)))

    line = shown.balance.lines[0]
    assert (line.start_minor, [step.balance_minor for step in line.steps]) == (100_000, [97_500])
    assert line.balance_minor == 83_000


def _fields(choice: Filter) -> dict:
    return {"range": choice.range, "first": choice.first, "last": choice.last}


def test_an_opening_balance_is_where_the_line_begins(ledger):
    ledger.post(opened(opening_balance_minor=5_000), submitted(1_000))

    line = figures(Filter(accounts=("C100",))).balance.lines[0]

    assert (line.start_minor, line.steps[0].balance_minor) == (5_000, 6_000)


def test_a_line_goes_by_business_dates_and_a_late_booking_takes_its_place(ledger):
    ledger.post(opened(), _dated("2024-03-10", "C100", 1_000), _dated("2024-03-01", "C100", 500))

    line = figures(Filter(accounts=("C100",))).balance.lines[0]

    assert [step.balance_minor for step in line.steps] == [500, 1_500]
    moments = [step.at_ms for step in line.steps]
    assert moments == sorted(moments)


def test_a_step_lies_within_its_business_date_in_the_portals_time_zone(history):
    line = figures(Filter(accounts=("C100",))).balance.lines[0]

    days = [
        timezone.datetime.fromtimestamp(step.at_ms / 1000, timezone.get_default_timezone()).date()
        for step in line.steps
    ]

    assert days == [date(2024, 1, 1), date(2024, 1, 4), date(2024, 1, 5)]


def test_many_steps_become_an_envelope_of_the_lowest_and_the_highest(ledger, monkeypatch):
    monkeypatch.setattr(balance_lines, "MOST_STEPS", 3)
    monkeypatch.setattr(balance_lines, "SPANS", 2)
    moves = [(1, 900), (1, -400), (2, 50), (9, -500), (9, 700), (9, 10)]
    ledger.post(
        opened(opening_balance_minor=100),
        *(_dated(f"2024-01-0{day}", "C100", minor) for day, minor in moves),
    )

    line = figures(Filter(accounts=("C100",))).balance.lines[0]

    # 100, 1000, 600, 650 in the first half; 650, 150, 850, 860 in the second.
    assert (line.steps, line.start_minor, line.number) == ([], 100, 6)
    assert [tuple(span)[1:] for span in map(_fields_of, line.spans)] == [
        (100, 1_000, 650),
        (150, 860, 860),
    ]


def _fields_of(struct) -> tuple:
    return tuple(getattr(struct, name) for name in struct.__struct_fields__)


@pytest.mark.parametrize("as_of", [None, MOST_MOMENT_MS])
def test_very_many_transactions_are_an_envelope_of_the_ends_of_days(ledger, monkeypatch, as_of):
    monkeypatch.setattr(balance_lines, "MOST_STEPS", 3)
    monkeypatch.setattr(balance_lines, "MOST_READ", 4)
    days = [date(2024, 1, 1) + timedelta(days=n // 2) for n in range(10)]
    ledger.post(opened(), *(submitted(100, business_date=day) for day in days))

    line = figures(Filter(accounts=("C100",), as_of=as_of)).balance.lines[0]

    assert line.is_daily
    assert [_fields_of(span)[3] for span in line.spans] == [200, 400, 600, 800, 1_000]


def test_a_line_that_was_read_before_goes_on_with_the_account(history):
    before = figures(Filter(accounts=("C100",))).balance.lines[0]

    history.post(_dated("2024-01-06", "C100", 500))

    after = figures(Filter(accounts=("C100",))).balance.lines[0]
    assert [step.balance_minor for step in after.steps] == [
        *(step.balance_minor for step in before.steps),
        83_500,
    ]


def test_lines_without_a_move_are_bounded_in_memory_too(history):
    kept = balance_lines._Courses(most_kept=3)
    account = Account.objects.select_related("balance").get(number="C100")
    days = [date(2025, 1, day) for day in range(1, 6)]

    for day in (*days[:3], days[0], *days[3:]):
        kept.course(account, Period(day), 0, None)

    assert [period.first for _number, period, _as_of in kept._kept] == [days[0], *days[3:]]


@pytest.mark.parametrize(("most_steps", "most_read"), [(5, 50_000), (500, 50_000), (500, 3)])
def test_a_line_that_goes_on_is_the_same_as_one_read_anew(
    ledger, monkeypatch, most_steps, most_read
):
    monkeypatch.setattr(balance_lines, "MOST_STEPS", most_steps)
    monkeypatch.setattr(balance_lines, "MOST_READ", most_read)
    monkeypatch.setattr(balance_lines, "SPANS", 4)
    monkeypatch.setattr(blocks, "BLOCK", 2)
    day = date(2024, 1, 1)
    ledger.post(opened(opening_balance_minor=9_000, business_date=day))
    posted = Entry.objects.filter(kind__in=TRANSACTION_KINDS, outcome=Outcome.POSTED)
    # Of the days that are drawn seven are before, seven within and one after it.
    period = Period(date(2024, 1, 4), date(2024, 1, 8))
    kept, dice = balance_lines._Courses(), random.Random(5)
    for n in range(15):
        build, day = dice.choice((submitted, withdrawn)), date(2024, 1, dice.randint(1, 9))
        offset = ledger.position().next_offset
        event = encode(build(dice.randint(1, 900), business_date=day))
        # The log's clock goes back and forth.
        ledger.post_messages([Delivered(0, offset, 1_000 + dice.randrange(15), *event, 0)])
        account = Account.objects.select_related("balance").get(number="C100")
        for as_of in (None, 1_004, 1_010):
            held = {"C100": account.balance.balance_minor}
            if as_of is not None:
                held = balances_at(Balance.objects.filter(account=account), as_of)
            asked = (account, period, held["C100"], as_of)

            entries = balance_lines._entries(account, period)
            assert list(entries) == list(posted.filter(**period.lookups("business_date")))
            assert kept.course(*asked) == balance_lines._Courses().course(*asked), (n, as_of)


def test_a_rejected_transaction_is_a_row_and_moves_no_figure(history):
    history.post(withdrawn(9_999_999, business_date=date(2024, 1, 6)))

    shown = figures(Filter(accounts=("C100",)))

    assert (shown.period.rows[0].outcome, shown.period.rows[0].reason) == ("rejected", "overdraft")
    assert shown.totals.withdrawals == 2
    assert len(shown.balance.lines[0].steps) == 3


@pytest.mark.parametrize(
    ("choice", "count"),
    [
        (Filter(), 5),
        (Filter(range="30d"), 0),
        (Filter(range="today"), 0),
        (Filter(range="dates", first=date(2024, 1, 2)), 4),
        (Filter(range="dates", last=date(2024, 1, 2)), 2),
        (Filter(range="dates", first=date(2024, 1, 2), last=date(2024, 1, 4)), 3),
    ],
)
def test_one_range_rules_totals_comparison_and_rows(history, choice, count):
    shown = figures(choice)

    assert shown.totals.deposits + shown.totals.withdrawals == count
    assert sum(each.deposits + each.withdrawals for each in shown.bars.rows) == count
    assert len(shown.period.rows) == count


def test_the_last_30_days_are_usual_and_all_where_these_are_empty(history):
    before = usual_range(AUDITOR)

    history.post(submitted(business_date=timezone.localdate()))

    assert (before, usual_range(AUDITOR)) == ("all", "30d")


def test_30_days_include_today_and_29_before(ledger):
    today = timezone.localdate()
    dates = (today, today - timedelta(days=29), today - timedelta(days=30))
    ledger.post(opened(), *(submitted(business_date=day) for day in dates))

    assert figures(Filter(range="30d")).totals.deposits == 2


def test_the_ten_accounts_with_the_greatest_amounts_are_compared(ledger):
    numbers = [f"C{n}" for n in range(100, 115)]
    ledger.post(*(opened(account=number) for number in numbers))
    ledger.post(*(submitted(100 * n, account=number) for n, number in enumerate(numbers, 1)))

    shown = figures(Filter())

    assert [each.account for each in shown.bars.rows] == numbers[:4:-1]
    assert shown.bars.accounts == 15


def test_the_busiest_accounts_are_drawn_where_none_is_chosen(history):
    history.post(opened(account="C300"))

    shown = figures(Filter())

    assert [line.account for line in shown.balance.lines] == ["C100", "C200"]
    assert [each.account for each in shown.totals.balances] == ["C100", "C200"]


def test_sums_equal_those_of_the_rows_one_by_one(ledger):
    ledger.post(*(opened(account=f"C{n}") for n in range(5)))
    for n in range(60):
        build = submitted if n % 3 else withdrawn
        ledger.post(build(n + 1, account=f"C{n % 5}"))

    shown = figures(Filter())

    for each in shown.bars.rows:
        rows = [
            entry
            for entry in Entry.objects.filter(account=each.account, kind__in=TRANSACTION_KINDS)
            if entry.is_posted
        ]
        paid_in = [row.amount_minor for row in rows if row.kind_id == Kind.DEPOSIT]
        paid_out = [row.amount_minor for row in rows if row.kind_id == Kind.WITHDRAWAL]
        assert (each.deposits, each.deposits_minor) == (len(paid_in), sum(paid_in))
        assert (each.withdrawals, each.withdrawals_minor) == (len(paid_out), sum(paid_out))


def test_a_branch_sees_figures_of_its_own_accounts_only(history):
    lyon = Branch.objects.create(code="lyon", name="Lyon")
    Account.objects.filter(number="C200").update(branch=lyon)
    teller = Agent(role=Role.TELLER, branch=lyon)

    shown = figures(by=teller, chosen=Filter(accounts=("C100", "C200")))

    assert [each.account for each in shown.bars.rows] == ["C200"]
    assert [line.account for line in shown.balance.lines] == ["C200"]
    assert [each.account for each in shown.totals.balances] == ["C200"]
    assert {row.account for row in shown.period.rows} == {"C200"}
    assert (shown.totals.deposits_minor, shown.totals.withdrawals_minor) == (250_000, 20_000)


def test_an_operator_sees_no_figures_of_customers(history):
    shown = figures(by=Agent(role=Role.OPERATOR), chosen=Filter(accounts=("C100",)))

    assert (shown.totals.deposits, shown.bars.rows) == (0, [])
    assert (shown.balance.lines, shown.period.rows) == ([], [])


def _submission(event, username="teller", queued_at_ms=5_000) -> Submission:
    teller, _ = Agent.objects.get_or_create(
        username=username, defaults={"role": Role.AUDITOR, "password": "x"}
    )
    submission = Submission.objects.create(
        transaction_id=event.transaction_id,
        account=event.account,
        kind_id=Kind.DEPOSIT,
        amount_minor=event.amount_minor,
        currency="EUR",
        business_date=event.business_date,
        submitted_at_ms=int(event.submitted_at.timestamp() * 1000),
        submitted_by=teller,
    )
    Outbox.objects.create(topic="submissions", submission=submission, queued_at_ms=queued_at_ms)
    return submission


def test_a_submission_waits_until_the_ledger_has_concluded_it(ledger):
    ledger.post(opened())
    first, second = submitted(), submitted()
    _submission(first, queued_at_ms=7_000)
    _submission(second, queued_at_ms=8_000)
    before = figures(Filter()).totals.waiting

    ledger.post(first)

    after = figures(Filter()).totals.waiting
    assert (before.number, before.since_ms) == (2, 7_000)
    assert (after.number, after.since_ms) == (1, 8_000)


def test_the_delay_is_the_median_and_the_95th_of_the_last_hours_submissions(ledger):
    now = timezone.now()
    ledger.post(opened())
    recent = [submitted(submitted_at=now) for _ in range(100)]
    old = submitted(submitted_at=now - timedelta(hours=2))
    for event in (old, *recent):
        _submission(event)
    ledger.post(old, *recent)
    base = int(now.timestamp() * 1000)
    with behind_the_back():
        for n, event in enumerate(recent, start=1):
            Entry.objects.filter(transaction_id=event.transaction_id).update(posted_at_ms=base + n)

    delays = figures(Filter()).totals.delays

    assert (delays.median_ms, delays.ninety_five_ms) == (50, 95)


def test_without_a_submission_in_the_last_hour_there_is_no_delay(history):
    assert figures(Filter()).totals.delays is None


def test_a_position_is_read_as_it_was_written(history):
    position = current_position()

    assert Position.parse(str(position)) == position
    assert position.entry_id == Entry.objects.latest("id").pk


@pytest.mark.parametrize("text", ["", "1", "a:", ":-1", "1:²", "1:" + "9" * 19])
def test_what_is_no_position_is_none(text):
    assert Position.parse(text) is None


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_sees_one_moment_and_waits_for_no_writer(transactional_db):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    ledger = LedgerInTest()
    ledger.post(opened())

    def post() -> None:
        ledger.post(submitted())
        connection.close()

    with ThreadPoolExecutor(1) as writer, snapshot():
        before = Entry.objects.count()
        began = time.monotonic()
        writer.submit(post).result()
        took = time.monotonic() - began
        within = Entry.objects.count()

    assert (before, within, Entry.objects.count()) == (1, 1, 2)
    assert took < 5


def test_totals_and_history_file_agree(history, settings):
    with settings.HISTORY_FILE.open(encoding="utf-8-sig") as file:
        values = [float(row["transaction_value"]) for row in csv.DictReader(file, delimiter=";")]

    shown = figures(Filter()).totals

    assert shown.deposits_minor == sum(v for v in values if v > 0) * 100
    assert -shown.withdrawals_minor == sum(v for v in values if v < 0) * 100
    assert DailyTotal.objects.count() == 5


def test_sums_over_accounts_hold_more_than_a_column(ledger):
    numbers = [f"C{number}" for number in range(20)]
    ledger.post(*[opened(account=each) for each in numbers])
    ledger.post(*[submitted(1, account=each) for each in numbers])
    most = 9 * 10**18 - 1
    Balance.objects.update(balance_minor=-(10**18))
    DailyTotal.objects.update(amount_minor=most)

    shown = figures(Filter())

    assert shown.totals.deposits_minor == 20 * most
    assert shown.totals.withdrawals_minor == 0
    assert shown.bars.rows[0].deposits_minor == most
    assert ledger_status().total_balance_minor == -20 * 10**18


def test_sums_over_nothing_are_zero(ledger):
    assert figures(Filter()).totals.deposits_minor == 0
    assert ledger_status().total_balance_minor == 0
