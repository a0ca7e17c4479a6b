"""The panels that speak of a day, an hour, rejections and low accounts; and what all share."""

import random
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.template.loader import get_template
from django.utils import timezone

from accounts.models import Account, Agent, Branch, Entry, Outcome, Role
from accounts.selectors import standings as standing_sums
from accounts.selectors.filters import Filter
from accounts.selectors.panels import PANELS, Asked, asked_in, read_panels
from accounts.selectors.positions import Position, current_position
from accounts.selectors.reading_ahead import read_ahead
from accounts.selectors.standings import Standings, Summed, total
from streaming.layouts import DEFAULT_LAYOUTS, PANEL_TITLES
from tests.builders import LedgerInTest, opened, submitted, withdrawn
from tests.tampering import behind_the_back

AUDITOR = Agent(role=Role.AUDITOR)
TODAY = timezone.localdate
MINUTE_MS = 60_000


@pytest.fixture
def ledger(db) -> LedgerInTest:
    ledger = LedgerInTest()
    ledger.post(opened(), opened(account="C200"), opened(account="C300"))
    return ledger


def shown(name: str, by: Agent = AUDITOR, *, asked: dict | None = None, **chosen):
    [figures] = read_panels(by, Filter(**chosen), [Asked(name, **(asked or {}))]).values()
    return figures


def test_every_panel_that_can_be_placed_is_read_and_drawn():
    assert set(PANELS) == set(PANEL_TITLES)
    assert {placed.panel for layout in DEFAULT_LAYOUTS.values() for placed in layout} <= set(PANELS)
    for name in PANELS:
        get_template(f"streaming/panels/{name}.html")


def test_a_day_stands_beside_the_day_before(ledger):
    today, before = TODAY(), TODAY() - timedelta(days=1)
    ledger.post(
        submitted(500, business_date=before),
        submitted(900, business_date=today),
        withdrawn(200, business_date=today),
        submitted(1, business_date=today - timedelta(days=2)),
    )

    days = shown("day", range="7d")
    earlier = shown("day", range="dates", last=before)

    assert (days.day.count, days.day.deposits_minor, days.day.withdrawals_minor) == (2, 900, 200)
    assert (days.before.count, days.before.deposits_minor, days.day.net_minor) == (1, 500, 700)
    assert (earlier.day.count, earlier.before.count) == (1, 1)


def test_the_rate_counts_by_the_minute_of_posting(ledger):
    now_ms = time.time_ns() // 1_000_000
    minute = now_ms // MINUTE_MS
    for ago in (59, 59, 61, 30, 0):
        moment_ns = ((minute - ago) * MINUTE_MS + 10) * 1_000_000
        with mock.patch("time.time_ns", lambda moment_ns=moment_ns: moment_ns):
            ledger.post(submitted(business_date=TODAY()))
    in_order = sorted(Entry.objects.filter(kind=2), key=lambda entry: entry.posted_at_ms)
    with behind_the_back():
        Entry.objects.filter(kind=1).update(posted_at_ms=1)
        for entry, posted in zip(
            Entry.objects.filter(kind=2).order_by("id"),
            [entry.posted_at_ms for entry in in_order],
            strict=True,
        ):
            Entry.objects.filter(pk=entry.pk).update(posted_at_ms=posted)

    with mock.patch("time.time_ns", return_value=now_ms * 1_000_000):
        counts = shown("rate").counts

    assert len(counts) == 60
    assert (counts[0], counts[29], counts[59], sum(counts)) == (2, 1, 1, 4)


def test_the_rate_counts_no_openings_also_where_lists_have_them(ledger):
    ledger.post(opened(account="C900"), submitted(account="C900"))
    moved = Entry.objects.filter(kind=2).count()

    assert shown("rate").total == shown("rate", all_entries=True).total == moved


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        (Filter(accounts=("C100",)), "entry_rejected_of_account"),
        (Filter(range="30d", agent="anna"), "entry_rejected"),
    ],
    ids=["of an account", "of an agent"],
)
def test_rejected_ones_are_looked_for_among_the_rejected_alone(ledger, chosen, index):
    rejected = chosen.entries(AUDITOR).filter(outcome=Outcome.REJECTED)
    newest = rejected.order_by("-business_date", "-id")[:5]

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Which would rather read the few rows of a test as they lie.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
        plan = newest.explain()

    assert re.search(rf"\b{index}\b", plan)
    assert "SORT" not in plan.upper()
    assert "TEMP B-TREE" not in plan


def test_the_largest_of_the_day_are_posted_ones_unless_rejected_ones_are_chosen(ledger):
    ledger.post(
        *(submitted(100 * n, business_date=TODAY()) for n in range(1, 11)),
        submitted(9_999, business_date=TODAY() - timedelta(days=1)),
        withdrawn(50_000, business_date=TODAY()),
    )

    posted = shown("largest", range="7d").rows
    rejected = shown("largest", range="7d", outcome="rejected").rows

    assert [row.amount_minor for row in posted] == [100 * n for n in range(10, 2, -1)]
    assert [row.amount_minor for row in rejected] == [-50_000]


def test_rejections_are_counted_by_reason_the_last_ones_beside_them(ledger):
    ledger.post(
        *(withdrawn(10_000 + n, business_date=TODAY()) for n in range(3)),
        submitted(5, account="C404", business_date=TODAY()),
        submitted(100, business_date=TODAY()),
    )

    found = shown("rejected", range="today")

    assert [(each.reason, each.count) for each in found.reasons] == [
        ("overdraft", 3),
        ("unknown_account", 1),
    ]
    assert (found.count, len(found.rows)) == (4, 4)
    assert shown("rejected", range="today", accounts=("C404",)).count == 1
    assert shown("rejected", range="today", outcome="posted").count == 0


def test_rejections_are_counted_on_as_the_ledger_grows(ledger):
    """What stands in memory is brought forward, for one account and for all."""
    wanted = Counter()
    for grown in (3, 1):
        for account in ("C100", "C200"):
            ledger.post(*(withdrawn(90_000, account=account) for _each in range(grown)))
        ledger.post(submitted(5, account="C404"))
        wanted += Counter(overdraft=2 * grown, unknown_account=1)

        def counted(**chosen) -> Counter:
            return Counter(
                {each.reason: each.count for each in shown("rejected", **chosen).reasons}
            )

        assert counted() == wanted
        assert counted(kind="deposit") == Counter(unknown_account=wanted["unknown_account"])
        assert counted(accounts=("C100",)) == Counter(overdraft=wanted["overdraft"] // 2)
        assert counted(accounts=("C100", "C404")) == wanted - Counter(
            overdraft=wanted["overdraft"] // 2
        )


def test_low_accounts_come_by_what_is_left_to_withdraw(ledger):
    ledger.post(
        opened(account="C400", least_balance_minor=-5_000),
        submitted(2_000),
        submitted(90_000, account="C200"),
    )

    low = shown("low")

    assert [(row.account, row.left_minor) for row in low.rows] == [
        ("C300", 0),
        ("C100", 2_000),
        ("C400", 5_000),
        ("C200", 90_000),
    ]
    assert low.near == 3


@pytest.fixture
def many(ledger) -> LedgerInTest:
    """Twelve accounts; the n-th has n deposits of 100 and a withdrawal of n."""
    for n in range(1, 13):
        number = f"D{n:02}"
        Account.objects.create(number=number, holder=f"Élise {n}")
        ledger.post(
            opened(account=number),
            *(submitted(100, account=number, submitted_by="bea") for _ in range(n)),
            withdrawn(n, account=number, submitted_by="jo"),
        )
    return ledger


@pytest.mark.parametrize(
    ("by", "first"), [("amount", "D12"), ("count", "D12"), ("in", "D12"), ("out", "D12")]
)
def test_accounts_are_compared_by_a_measure_page_by_page(many, by, first):
    pages = [shown("heat", asked={"by": by, "page": page}) for page in (0, 1, 2)]

    assert pages[0].rows[0].account == first
    numbers = [row.account for page in pages[:2] for row in page.rows]
    assert numbers == [f"D{n:02}" for n in range(12, 0, -1)]
    assert (pages[2].page, pages[2].rows) == (1, pages[1].rows)
    assert (pages[0].first, pages[1].first, pages[0].found, pages[0].accounts) == (0, 10, 12, 12)


def test_a_search_finds_accounts_by_number_or_holder_among_those_compared(many):
    found = shown("bars", asked={"find": "elise 1"})
    one = shown("bars", asked={"find": "d07"})

    assert {row.account for row in found.rows} == {"D01", "D10", "D11", "D12"}
    assert [row.account for row in one.rows] == ["D07"]
    assert (one.found, one.accounts) == (1, 12)
    assert shown("bars", asked={"find": "nobody"}).rows == []


def test_heights_choose_how_many_rows_there_are(many):
    lengths = {
        height: len(shown("heat", asked={"height": height}).rows)
        for height in ("low", "usual", "tall")
    }

    assert lengths == {"low": 5, "usual": 10, "tall": 12}


def test_kind_agent_and_outcome_rule_the_sums(many):
    def numbers(**chosen) -> tuple[int, int]:
        whole = shown("totals", **chosen)
        return whole.deposits, whole.withdrawals

    assert numbers() == (78, 12)
    assert numbers(kind="withdrawal") == (0, 12)
    assert numbers(agent="bea") == (78, 0)
    assert numbers(agent="jo", kind="deposit") == (0, 0)
    many.post(withdrawn(10**6, account="D01", submitted_by="jo"))
    assert numbers(outcome="rejected") == (0, 1)
    assert numbers(outcome="posted", agent="jo") == (0, 12)


def test_a_branch_is_a_filter_for_those_who_see_several(many):
    lyon = Branch.objects.create(code="lyon", name="Lyon")
    Account.objects.filter(number__in=["D03", "D04"]).update(branch=lyon)

    assert shown("totals", branch="lyon").deposits == 7
    assert {row.account for row in shown("live", branch="lyon").rows} == {"D03", "D04"}
    assert shown("totals", branch="paris").deposits == 0


def test_an_account_that_moves_to_another_branch_takes_its_sums_along(many):
    lyon = Branch.objects.create(code="lyon", name="Lyon")
    teller = Agent(role=Role.TELLER, branch=lyon)
    before = shown("totals", by=teller).deposits

    Account.objects.filter(number="D05").update(branch=lyon)

    assert (before, shown("totals", by=teller).deposits) == (0, 5)


@pytest.mark.parametrize("most_read", [0, 1_000])
def test_sums_in_memory_go_on_exactly_with_what_is_posted(many, monkeypatch, most_read):
    monkeypatch.setattr(standing_sums, "_MOST_READ", most_read)
    kept, tomorrow = Standings(), TODAY() + timedelta(days=1)
    whole = Summed(None, None)
    summed = [
        *(whole, replace(whole, outcome=Outcome.REJECTED), replace(whole, agent="jo")),
        *(replace(whole, first=tomorrow), replace(whole, last=TODAY())),
        *(replace(whole, as_of=10**13), replace(whole, as_of=0)),
    ]
    for each in summed:
        kept.at(each, current_position())

    of_jo = withdrawn(1, account="D02", submitted_by="jo")
    many.post(
        *(submitted(50, account="D01"), withdrawn(10**7), of_jo),
        *(submitted(n, account=f"D0{n}", business_date=tomorrow) for n in range(1, 4)),
    )

    for each in summed:
        brought_forward = kept.at(each, current_position())
        assert brought_forward == Standings().at(each, current_position())
        assert brought_forward.whole == total(brought_forward.sums.values())


def test_the_foremost_accounts_are_kept_in_order_as_their_sums_grow(many, monkeypatch):
    monkeypatch.setattr(standing_sums, "_MOST_RANKED", 4)
    kept, summed, dice = Standings(), Summed(None, None), random.Random(4)
    for _ in range(8):
        standing = kept.at(summed, current_position())

        for column in ("amounts_minor", "number", "deposits_minor", "withdrawals_minor"):
            for length in (3, 4, 6):
                found = standing.foremost(column, length)
                assert found == standing_sums.foremost(standing.sums, column, length)

        build = dice.choice((submitted, withdrawn))
        many.post(
            *(build(dice.randint(1, 400), account=f"D0{n}") for n in dice.sample(range(9), 3))
        )


def test_an_older_snapshot_gets_its_own_sums(many):
    kept, summed = Standings(), Summed(None, None)
    now = current_position()
    newest = kept.at(summed, now)
    older = Position(now.epoch, now.entry_id - 1)

    with mock.patch.object(standing_sums, "_read", return_value="what it sees") as read:
        assert kept.at(summed, older) == "what it sees"

    assert read.called
    assert kept.at(summed, now) is newest


def test_another_ledger_is_read_anew(many):
    kept, summed = Standings(), Summed(None, None)
    now = current_position()
    kept.at(summed, now)

    with mock.patch.object(standing_sums, "_read", return_value=standing_sums.Standing()) as read:
        kept.at(summed, Position("another", now.entry_id))

    assert read.called


def test_what_pages_begin_with_is_read_ahead(many):
    standing_sums.standings.forget()

    read_ahead()

    with mock.patch.object(standing_sums, "_read") as read:
        for chosen in (Filter("30d"), Filter("all")):
            read_panels(AUDITOR, chosen, [Asked(name) for name in PANELS])
    assert not read.called


def test_nothing_is_read_ahead_while_the_database_is_away(many, caplog):
    away = OperationalError("gone")
    with mock.patch("accounts.selectors.reading_ahead.read_panels", side_effect=away):
        read_ahead()

    assert "gone" in caplog.text


def test_memory_for_sums_is_bounded(many):
    kept = Standings(most_accounts=30)

    for n in range(5):
        kept.at(Summed(None, TODAY() - timedelta(days=n - 1)), current_position())

    assert sum(len(each.standing.sums) for each in kept._kept.values()) <= 30
    assert len(kept._kept) < 5


def test_sums_of_nothing_are_bounded_too(many):
    kept = Standings(most_kept=3)

    for n in range(5):
        kept.at(Summed(None, None, agent=f"nobody {n}"), current_position())

    assert [each.agent for each in kept._kept] == ["nobody 2", "nobody 3", "nobody 4"]


@pytest.mark.django_db(transaction=True)
def test_sums_that_many_threads_ask_for_are_read_once(transactional_db):
    from django.db import connection

    LedgerInTest().post(opened(), submitted())
    kept, summed, position = Standings(), Summed(None, None), current_position()
    begun, reads = threading.Barrier(4), []
    read = standing_sums._read

    def counted(*details):
        reads.append(details)
        time.sleep(0.05)
        return read(*details)

    def ask() -> None:
        begun.wait(5)
        kept.at(summed, position)
        connection.close()

    with mock.patch.object(standing_sums, "_read", counted):
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(reads) == 1


def test_an_address_says_how_a_panel_is_shown_and_what_is_wrong_is_left_out():
    query = {"heat_by": "out", "heat_page": "3", "heat_find": "mar", "bars_by": "size"}

    assert asked_in(query, "heat") == Asked("heat", by="out", page=3, find="mar")
    assert asked_in(query, "bars", "tall") == Asked("bars", height="tall")


@pytest.mark.parametrize(
    "chosen",
    [
        Filter(),
        Filter(range="dates", first=TODAY(), accounts=("C100", "C200")),
        Filter(range="month", kind="deposit", outcome="rejected", agent="bea", branch="lyon"),
        Filter(range="7d", all_entries=True, as_of=1_767_225_600_123),
    ],
)
def test_a_filter_comes_back_from_its_address(ledger, chosen):
    from django.http import QueryDict

    from accounts.filter_form import FilterForm

    form = FilterForm(QueryDict(chosen.to_query()))

    assert form.is_valid(), form.errors
    assert form.chosen(AUDITOR).filter == chosen


def test_several_accounts_of_an_address_may_repeat_or_stand_in_one(ledger):
    from django.http import QueryDict

    from accounts.filter_form import FilterForm

    for query in ("account=c100&account=C200", "account=C100,c200", "accounts=C100;C200"):
        assert FilterForm(QueryDict(query)).chosen(AUDITOR).filter.accounts == ("C100", "C200")
    some = FilterForm(QueryDict("account=C100,C404")).chosen(AUDITOR)
    none = FilterForm(QueryDict("account=C404")).chosen(AUDITOR)
    assert (some.filter.accounts, some.unknown) == (("C100",), ("C404",))
    assert none.is_of_nobody
    assert not FilterForm(QueryDict(f"account={','.join(map(str, range(21)))}")).is_valid()
