"""Many hands at once: on one form, on one id, on the last of a balance."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts.identifiers import new_transaction_id
from accounts.models import Outcome
from tests.builders import encode, submitted, withdrawn
from tests.faults.bank import Bank
from tests.faults.invariants import check_all
from tests.faults.seeds import Chances
from tests.processes import wait_until


@pytest.fixture
def open_bank(bank: Bank) -> Bank:
    """Give a bank at work, with C100 open at 10.00."""
    bank.consume()
    bank.relay()
    bank.open_accounts(opening_balance_minor=1_000)
    wait_until(lambda: bank.balance("C100") == 1_000, "the account is open")
    return bank


@pytest.mark.fault("9")
def test_fifty_posts_of_one_form_are_one_posting_with_one_receipt(open_bank: Bank) -> None:
    """Guard: the id is the form's. With an id a POST there are fifty receipts."""
    identifier = new_transaction_id()

    with ThreadPoolExecutor(10) as hands:
        answers = set(
            hands.map(lambda _: open_bank.teller.deposit(100, transaction_id=identifier), range(50))
        )
    open_bank.settles()

    assert [each.status for each in answers] == [302]
    assert [each.location for each in answers] == [f"/transactions/{identifier}/"]
    assert open_bank.value("SELECT count(*) FROM accounts_outbox") == 1
    assert open_bank.balance("C100") == 1_100
    check_all(open_bank)


@pytest.mark.fault("10")
def test_an_id_used_again_for_another_amount_is_refused_and_recorded(open_bank: Bank) -> None:
    """Guard: bytes are compared. Without it a second use is dropped as a repeat, unrecorded."""
    identifier = new_transaction_id()
    open_bank.teller.deposit(100, transaction_id=identifier)

    at_once = open_bank.teller.deposit(200, transaction_id=identifier)
    open_bank.settles()
    afterwards = open_bank.teller.deposit(300, transaction_id=identifier)
    [place] = open_bank.publish(submitted(400, transaction_id=identifier))
    open_bank.settles()

    assert (at_once.status, afterwards.status) == (409, 409)
    recorded = 'SELECT partition, "offset", reason, transaction_id FROM accounts_deadletter'
    assert open_bank.query(recorded) == [(*place, "id_reused", identifier.bytes)]
    assert open_bank.balance("C100") == 1_100
    check_all(open_bank)


@pytest.mark.fault("23")
def test_of_a_thousand_racing_withdrawals_just_ten_find_something(
    open_bank: Bank, chances: Chances
) -> None:
    """Guard: the least balance. With no regard to it all 1,000 are posted."""
    other = open_bank.consume()
    from_elsewhere = [encode(withdrawn(100)) for _ in range(960)]
    chances.shuffle(from_elsewhere)
    parts = [from_elsewhere[n::4] for n in range(4)]

    with ThreadPoolExecutor(8) as hands:
        published = [hands.submit(open_bank.publish_messages, *part) for part in parts]
        answers = list(hands.map(lambda _: open_bank.teller.withdraw(100), range(40)))
        assert sum(len(each.result()) for each in published) == 960
    open_bank.settles()

    assert {each.status for each in answers} == {302}
    outcomes = "SELECT outcome, count(*) FROM accounts_entry WHERE kind_id = 3 GROUP BY outcome"
    assert dict(open_bank.query(outcomes)) == {Outcome.POSTED: 10, Outcome.REJECTED: 990}
    assert open_bank.balance("C100") == 0
    assert other.poll() is None
    check_all(open_bank)
