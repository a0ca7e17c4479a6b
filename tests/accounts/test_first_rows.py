"""The first rows of a list: the same as if all of it were read and put in order."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Agent, Entry, Role
from accounts.selectors import blocks, first_rows
from accounts.selectors.filters import Filter
from accounts.selectors.orders import ORDERS, after, in_order
from accounts.selectors.snapshot import once_a_snapshot, snapshot
from tests.builders import LedgerInTest, opened, submitted, withdrawn

AUDITOR = Agent(role=Role.AUDITOR)
ACCOUNTS = ("C0", "C1", "C2")
DAY = date(2026, 3, 1)
FILTERS = [
    Filter(),
    Filter(all_entries=True),
    Filter(accounts=("C0",)),
    Filter(accounts=("C0", "C2")),
    Filter(accounts=("C1",), outcome="rejected"),
    Filter(kind="withdrawal"),
    Filter("dates", DAY + timedelta(days=3)),
]


@pytest.fixture
def ledger(db, monkeypatch) -> LedgerInTest:
    """Entries whose dates go back and forth, with amounts that occur again, in small blocks."""
    monkeypatch.setattr(blocks, "BLOCK", 4)
    monkeypatch.setattr(first_rows, "_MOST_RANKED", 8)
    monkeypatch.setattr(first_rows, "_TRIED", (4, 8))
    ledger = LedgerInTest()
    day = DAY - timedelta(days=9)
    ledger.post(*(opened(account=account, business_date=day) for account in ACCOUNTS))
    return ledger


def post_some(ledger: LedgerInTest, number: int, dice: random.Random) -> None:
    events = []
    for n in range(number):
        build = dice.choice((submitted, submitted, withdrawn))
        day = DAY + timedelta(days=n // 6 + dice.choice((-1, 0, 0, 1)))
        events.append(build(dice.randint(1, 9), account=dice.choice(ACCOUNTS), business_date=day))
    ledger.post(*events)


def compare_all() -> None:
    for wanted in FILTERS:
        for order in ORDERS:
            every = wanted.entries(AUDITOR)
            marks = [None, *in_order(every, order)[3:8:4]]
            for mark in marks:
                rest = after(every, mark, order) if mark else every
                found = first_rows.first_rows(rest, wanted, order, 5, mark)

                assert list(found[:5]) == list(in_order(rest, order)[:5]), (wanted, order, mark)


@pytest.mark.parametrize("seed", range(2))
def test_they_are_the_same_in_every_order_filter_and_page_as_the_ledger_grows(ledger, seed):
    dice = random.Random(seed)
    for _ in range(2):
        post_some(ledger, 15, dice)

        compare_all()


def test_of_equal_amounts_the_one_that_was_posted_last_comes_first(ledger):
    for number in (9, 1):
        ledger.post(*(submitted(5, account="C0", business_date=DAY) for _ in range(number)))

        compare_all()


def test_they_are_looked_for_among_a_few_entries(ledger):
    post_some(ledger, 120, random.Random(1))
    for wanted, order in ((Filter(accounts=("C0",)), "-date"), (Filter(), "-amount")):
        every = wanted.entries(AUDITOR)

        found = first_rows.first_rows(every, wanted, order, 4)

        assert 4 <= found.count() < every.count() / 2


def test_what_was_ranked_or_comes_after_it_is_not_read_again(ledger):
    post_some(ledger, 120, random.Random(3))
    first_rows.first_rows(Filter().entries(AUDITOR), Filter(), "-amount", 4)
    ledger.post(submitted(1, account="C0", business_date=DAY))

    with CaptureQueriesContext(connection) as asked:
        first_rows.first_rows(Filter().entries(AUDITOR), Filter(), "-amount", 4)

    (ranked,) = (each["sql"] for each in asked if each["sql"].endswith("LIMIT 8"))
    with connection.cursor() as cursor:
        cursor.execute(ranked)
        assert cursor.fetchall() == []


def test_a_ledger_that_was_built_anew_is_ranked_anew(ledger, monkeypatch):
    post_some(ledger, 40, random.Random(2))
    compare_all()
    of_before = [(-100, -entry.pk, DAY) for entry in Entry.objects.order_by("-amount_minor")[20:32]]
    monkeypatch.setattr(first_rows._RANKINGS["-amount"], "_ranks", of_before)

    monkeypatch.setattr("accounts.selectors.positions._epoch", lambda *_log: "another")

    compare_all()


def test_a_position_is_read_once_within_a_snapshot(transactional_db):
    reads = Counter()
    read = once_a_snapshot(lambda name: reads.update([name]))
    with snapshot():
        for name in ("a", "a", "b"):
            read(name)
    read("a")

    assert reads == {"a": 2, "b": 1}
