"""The demonstration's bank: believable, the same at every load, and its rules kept."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from accounts.demo.customers import QUIET_ACCOUNTS, Living, customers
from accounts.demo.filing import file_demonstration
from accounts.demo.habits import is_open
from accounts.demo.names import TELLERS
from accounts.demo.plan import planned_events, quiet_openings
from accounts.demo.trickle import submit_something
from accounts.events import AccountOpened, Deposit, Event, decode, encode
from accounts.models import Account, Agent, Balance, Branch, Outbox, Submission
from tests.builders import LedgerInTest, opened

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")


def plan(until: datetime = NOW) -> list[Event]:
    return planned_events(until, currency="EUR", zone=ZONE)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return plan()


def test_the_same_moment_gives_the_same_bytes(events) -> None:
    assert [encode(event) for event in plan()] == [encode(event) for event in events]


def test_every_event_is_understood_and_has_an_id_of_its_own(events) -> None:
    for event in events:
        assert decode(*encode(event)) == event
    assert len({event.transaction_id for event in events}) == len(events)


def test_three_hundred_accounts_of_different_holders_at_three_branches() -> None:
    made = customers()

    assert len(made) + len(QUIET_ACCOUNTS) == 300
    assert len({each.holder for each in made}) == len(made)
    assert len({each.number for each in made}) == len(made)
    assert {each.branch for each in made} == {0, 1, 2}
    assert {each.living for each in made} == set(Living)


def test_eighteen_months_up_to_now_in_order(events) -> None:
    moments = [event.submitted_at for event in events]

    assert moments == sorted(moments)
    assert NOW - timedelta(days=549) < moments[0] < NOW - timedelta(days=540)
    assert NOW - timedelta(days=1) < moments[-1] <= NOW


def test_an_account_is_opened_before_anything_else_happens_to_it(events) -> None:
    seen: set[str] = set()

    for event in events:
        assert isinstance(event, AccountOpened) == (event.account not in seen)
        seen.add(event.account)


def test_nothing_poses_as_history_so_that_the_rules_apply(events) -> None:
    assert {event.source for event in events} == {"demo"}


def test_some_are_refused_for_want_of_money_but_few(events) -> None:
    ledger = PlainLedger()
    for event in events:
        ledger.take(event)

    assert 20 < ledger.refused < len(events) / 100
    assert min(ledger.balances.values()) < 0 < sum(ledger.balances.values())


class PlainLedger:
    """What the rules make of events, written apart from posting."""

    def __init__(self) -> None:
        self.balances: dict[str, int] = {}
        self.least: dict[str, int] = {}
        self.refused = 0

    def take(self, event: Event) -> None:
        if isinstance(event, AccountOpened):
            self.balances[event.account] = event.opening_balance_minor
            self.least[event.account] = event.least_balance_minor
        elif isinstance(event, Deposit):
            self.balances[event.account] += event.amount_minor
        elif self.balances[event.account] - event.amount_minor < self.least[event.account]:
            self.refused += 1
        else:
            self.balances[event.account] -= event.amount_minor


def test_tellers_work_when_the_branches_are_open(events) -> None:
    tellers = {username for people in TELLERS for username, _first, _last in people}
    by_tellers = [
        event.submitted_at.astimezone(ZONE)
        for event in events
        if event.submitted_by in tellers and not isinstance(event, AccountOpened)
    ]

    hours = Counter(moment.hour for moment in by_tellers)

    assert all(is_open(moment.date()) for moment in by_tellers)
    assert min(hours) >= 9
    assert max(hours) <= 17
    assert not {12, 13} & set(hours)


def test_salaries_come_once_a_month(events) -> None:
    number = next(each.number for each in customers() if each.living == Living.SALARY)
    paid = [e.business_date for e in events if e.account == number and e.reference == "Salaire"]

    assert {day.day for day in paid} == {28}
    assert len(paid) == len({(day.year, day.month) for day in paid})


@pytest.mark.django_db
def test_filing_gives_three_branches_tellers_and_three_hundred_accounts() -> None:
    Branch.objects.create(code="lyon", name="Ours")

    first = file_demonstration()
    second = file_demonstration()

    assert first == second
    assert Branch.objects.count() == 3
    assert Branch.objects.get(code="lyon").name == "Ours"
    assert Account.objects.count() == 300
    assert Agent.objects.filter(username="claire.morel", branch__code="lyon").exists()
    assert not any(agent.has_usable_password() for agent in Agent.objects.all())


@pytest.mark.django_db
def test_what_is_filed_already_keeps_its_holder_and_branch() -> None:
    nice = Branch.objects.create(code="nice", name="Nice")
    Account.objects.create(number="C100", holder="Somebody", branch=nice)
    Account.objects.create(number="C1001", holder="Somebody else", branch=nice)

    file_demonstration()

    for number, holder in (("C100", "Somebody"), ("C1001", "Somebody else")):
        account = Account.objects.get(number=number)
        assert (account.holder, account.branch) == (holder, nice)


@pytest.mark.django_db
def test_posting_agrees_with_the_plain_ledger(events) -> None:
    plain, ledger = PlainLedger(), LedgerInTest()
    some = events[:3_000]
    for event in some:
        plain.take(event)

    ledger.post(*some)

    found = dict(Balance.objects.values_list("account_id", "balance_minor"))
    assert found == plain.balances


@pytest.mark.django_db
def test_the_historys_accounts_keep_what_the_history_says() -> None:
    openings = quiet_openings(NOW, currency="EUR", zone=ZONE)

    assert {each.account: each.opening_balance_minor for each in openings} == {
        "C100": 83_000,
        "C200": 230_000,
    }


@pytest.mark.django_db
def test_the_trickle_submits_as_a_teller_of_the_accounts_branch() -> None:
    file_demonstration()
    LedgerInTest().post(*(opened(account=f"C{number}") for number in range(1001, 1050)))

    for seed in range(20):
        submit_something(Random(seed))

    assert Outbox.objects.count() == 20
    branches = dict(Account.objects.values_list("number", "branch_id"))
    for submission in Submission.objects.select_related("submitted_by"):
        assert submission.submitted_by.branch_id == branches[submission.account]


@pytest.mark.django_db
def test_without_the_demonstrations_bank_the_trickle_submits_nothing() -> None:
    assert submit_something(Random(1)) is None

    file_demonstration()

    assert submit_something(Random(1)) is None
    assert not Submission.objects.exists()
