"""The log read a second time: by the same ledger, and by an empty one."""

import pytest

from tests.builders import encode, opened, submitted, withdrawn
from tests.faults.bank import ACCOUNTS, Bank, stop
from tests.faults.invariants import check_all, check_books
from tests.faults.seeds import Chances
from tests.faults.work import movements
from tests.processes import wait_until

_CONCLUDED = (
    'SELECT partition, "offset", outcome, reason, balance_minor, digest, link '
    'FROM accounts_entry ORDER BY partition, "offset"'
)


@pytest.fixture
def full_bank(bank: Bank, chances: Chances) -> Bank:
    """Give a bank with outcomes of every kind, whose consumer has ended."""
    reused = submitted(7)
    consumer = bank.consume()
    bank.open_accounts(*ACCOUNTS[:4])
    bank.publish(*movements(chances, 100))
    bank.publish(opened(), withdrawn(10**9, source="import"), withdrawn(1, account="C900"))
    bank.publish(reused, reused, submitted(8, transaction_id=reused.transaction_id))
    bank.publish_messages((b"C100", b"{broken"), encode(submitted(1, currency="USD")))
    bank.settles()
    check_all(bank)
    stop(consumer)
    return bank


@pytest.mark.fault("5")
def test_next_offsets_set_back_repeat_everything_and_change_nothing(full_bank: Bank) -> None:
    """Guard: an id with the same bytes is a repeat. Without it I4 fails: outcomes are dead too."""
    before = full_bank.query(_CONCLUDED), full_bank.chain()
    messages = sum(full_bank.log_ends().values())
    assert full_bank.execute("UPDATE accounts_logposition SET next_offset = 0") == 3

    full_bank.consume()

    repeats = "SELECT sum(repeats) FROM accounts_logposition"
    wait_until(full_bank.has_concluded_all, "all is read again")
    assert (full_bank.query(_CONCLUDED), full_bank.chain()) == before
    assert full_bank.value(repeats) >= messages
    check_all(full_bank)


@pytest.mark.fault("6")
def test_an_empty_ledger_comes_to_the_same_end_of_the_chain(full_bank: Bank, new_bank) -> None:
    """Guard: links over the log alone. With the time of posting in them I6 fails at offset 0."""
    other = new_bank()
    other.topic = full_bank.topic
    other.environment["KAFKA_TOPIC"] = full_bank.topic

    other.consume()

    wait_until(other.has_concluded_all, "all is read")
    check_books(other)
    assert other.chain() == full_bank.chain()
    assert other.query(_CONCLUDED) == full_bank.query(_CONCLUDED)
