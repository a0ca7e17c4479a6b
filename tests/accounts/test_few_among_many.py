"""A few entries in a large ledger: found where they can be, and the same as if all were read."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Agent, Branch, Entry, Kind, Role
from accounts.selectors import blocks, posting_times
from accounts.selectors import few_among_many as module
from accounts.selectors.exports import exported_pages
from accounts.selectors.few_among_many import few_among_many
from accounts.selectors.filters import Filter
from accounts.selectors.orders import ORDERS, in_order
from accounts.selectors.posting_times import recent_delays
from accounts.selectors.transactions import has_transactions, transactions_page
from accounts.services.submissions import submit_transaction
from tests.builders import LedgerInTest, opened, submitted, withdrawn

AUDITOR = Agent(role=Role.AUDITOR)
DAY = date(2026, 3, 1)
ACCOUNTS = {"L1": "lyon", "L2": "lyon", "P1": "paris", "P2": "paris", "P3": "paris"}
FILTERS = [
    Filter(),
    Filter(all_entries=True),
    Filter(branch="lyon"),
    Filter(agent="rare"),
    Filter(agent="rare", kind="withdrawal"),
    Filter(agent="usual", outcome="rejected"),
    Filter("dates", DAY, agent="rare"),
    Filter(agent="nobody"),
]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let everything that is large be small."""
    caches["process"].clear()
    monkeypatch.setattr(blocks, "BLOCK", 4)
    monkeypatch.setattr(module, "NEWEST", 8)
    monkeypatch.setattr(module, "_MOST_RANGES", 3)
    monkeypatch.setattr(module, "_places", module._Places())


@pytest.fixture
def ledger(db) -> LedgerInTest:
    branches = {
        code: Branch.objects.create(code=code, name=code) for code in set(ACCOUNTS.values())
    }
    for number, code in ACCOUNTS.items():
        Account.objects.create(number=number, branch=branches[code])
    ledger = LedgerInTest()
    ledger.post(*(opened(account=number, business_date=DAY) for number in ACCOUNTS))
    return ledger


def teller_of(code: str) -> Agent:
    return Agent(role=Role.TELLER, branch=Branch.objects.get(code=code))


def post_some(ledger: LedgerInTest, number: int, dice: random.Random) -> None:
    events = []
    for n in range(number):
        build = dice.choice((submitted, submitted, withdrawn))
        day = DAY + timedelta(days=n // 6 + dice.choice((-1, 0, 0, 1)))
        agent = "rare" if dice.random() < 0.1 else "usual"
        account = dice.choice(list(ACCOUNTS))
        events.append(
            build(dice.randint(1, 9), account=account, business_date=day, submitted_by=agent)
        )
    ledger.post(*events)


@pytest.mark.parametrize("few", [0, 1_000_000], ids=["large branches", "small branches"])
def test_pages_are_the_same_as_the_ledger_grows(ledger, monkeypatch, few):
    monkeypatch.setattr(module, "FEW_ENTRIES", few)
    dice = random.Random(few)
    for _ in range(3):
        post_some(ledger, 40, dice)

        for viewer in (AUDITOR, teller_of("lyon")):
            for wanted in FILTERS:
                every = wanted.entries(viewer)
                for order in ORDERS:
                    found = transactions_page(viewer, wanted, order=order).rows

                    assert [row.transaction_id for row in found] == list(
                        in_order(every, order).values_list("transaction_id", flat=True)[:50]
                    ), (viewer.role, wanted, order)


@pytest.mark.parametrize("code", ["lyon", None], ids=["a branch", "no branch"])
def test_of_a_small_branch_they_are_looked_for_by_its_accounts(ledger, code):
    teller = teller_of(code) if code else Agent(role=Role.TELLER)

    narrowed = few_among_many(Filter().entries(teller), Filter(), seen_by=teller, length=50)

    if connection.vendor == "postgresql":
        # It plans by what it has counted, and of a few rows it may take any way.
        assert str(narrowed.query) != str(Filter().entries(teller).query)
    else:
        assert "accounts_entry_account" in in_order(narrowed, "-date")[:50].explain()


def test_an_account_that_a_small_branch_has_just_got_is_among_them(ledger):
    teller = teller_of("lyon")
    before = len(transactions_page(teller, Filter()).rows)

    Account.objects.create(number="L3", branch=teller.branch)
    ledger.post(opened(account="L3"), submitted(account="L3"))

    assert len(transactions_page(teller, Filter()).rows) == before + 1


def test_an_agent_seldom_here_is_looked_for_in_the_blocks_where_there_was_something(ledger):
    ledger.post(*(submitted(account="P1", submitted_by="rare") for _ in range(2)))
    ledger.post(*(submitted(account="P1", submitted_by="usual") for _ in range(60)))
    end = module.current_position()

    own = module._places.of("rare", end)

    rare = sorted(Entry.objects.filter(submitted_by="rare").values_list("id", flat=True))
    assert module._places._known["rare"].blocks == sorted({each // 4 for each in rare})
    assert sorted(own) == rare
    ledger.post(*(submitted(account="P1", submitted_by="rare") for _ in range(9)))
    assert len(module._places.of("rare", module.current_position())) == 11


def test_what_is_widest_apart_is_left_out(monkeypatch):
    numbers = [1, 2, 5, 100, 101, 300, 302]

    assert list(module._ranges(numbers)) == [(1, 5), (100, 101), (300, 302)]
    assert list(module._ranges([7])) == [(7, 7)]
    assert list(module._ranges([])) == []


def test_how_long_postings_took_is_looked_for_among_the_last_submissions(ledger, monkeypatch):
    lyon = Branch.objects.get(code="lyon")
    agent = Agent.objects.create_user("usual", role=Role.TELLER, branch=lyon)
    for account in ("L1", "L2"):
        event = submitted(account=account, submitted_at=datetime.now(UTC))
        submit_transaction(
            transaction_id=event.transaction_id,
            account=account,
            kind=Kind.DEPOSIT,
            amount_minor=event.amount_minor,
            by=agent,
        )
        ledger.post(event)
    own = Filter(accounts=("L1",)).submissions(AUDITOR)
    both = len(recent_delays(own))

    monkeypatch.setattr(posting_times, "SUBMISSIONS_LOOKED_THROUGH", 1)

    assert both == 1
    assert recent_delays(own) == []


def test_a_branch_without_a_transaction_has_none_whatever_others_have(ledger):
    Branch.objects.create(code="new", name="New")
    ledger.post(submitted(account="P1"))

    assert not has_transactions(teller_of("new"))
    assert has_transactions(teller_of("paris"))


def test_an_export_looks_once_for_what_is_seldom(ledger, monkeypatch):
    """Meant to fail where each part looks for all of them again: a long one took ever longer."""
    monkeypatch.setattr("accounts.selectors.exports._IDS_AT_A_TIME", 2)
    ledger.post(*(submitted(account="P1", submitted_by="rare") for _ in range(6)))
    ledger.post(*(submitted(account="P1", submitted_by="usual") for _ in range(60)))
    wanted = Filter(agent="rare")
    entries = wanted.entries(AUDITOR)
    sought = few_among_many(entries, wanted, seen_by=AUDITOR, length=50)

    with CaptureQueriesContext(connection) as asked:
        parts = list(exported_pages(entries, wanted, sought))

    found = [entry.pk for part in parts for entry in part]
    assert found == list(in_order(entries, "date").values_list("pk", flat=True))
    assert [len(part) for part in parts] == [2, 2, 2]
    assert sum("UNION" in each["sql"] for each in asked) == 1
