"""Messages that are no events, among others and alone."""

import pytest

from tests.builders import encode, opened, submitted
from tests.faults.bank import Bank
from tests.faults.invariants import check_all
from tests.faults.seeds import Chances
from tests.faults.work import movements
from tests.processes import wait_until
from tests.streaming.test_dead_letters_end_to_end import GOOD, POISON


@pytest.mark.fault("11")
@pytest.mark.fault("13")
def test_poison_anywhere_in_the_log_is_dead_and_all_others_are_concluded(
    bank: Bank, chances: Chances
) -> None:
    """Guards: the key is held to the account, and what has no value is a dead letter.

    Without the first, one of them is posted; without the second the consumer dies of it, and the
    neighbours wait.
    """
    bank.consume()
    bank.relay()
    bank.publish_messages(encode(opened()), (b"C100", GOOD))
    wait_until(lambda: bank.entries() == 2, "the account is open")
    good = list(map(encode, movements(chances, 499, ["C100"])))
    messages = [*good, *POISON.values()]
    chances.shuffle(messages)

    places = bank.publish_messages(*messages)
    bank.settles()

    dead = bank.query('SELECT partition, "offset" FROM accounts_deadletter')
    assert len(dead) == len(POISON)
    assert {tuple(at) for at in dead} == {
        tuple(at) for at, message in zip(places, messages, strict=True) if message not in good
    }
    assert bank.entries() == 501
    check_all(bank)


@pytest.mark.fault("12")
def test_nothing_but_poison_stops_the_consumer_and_leaves_the_books_in_order(bank: Bank) -> None:
    """Guard: the limit of dead letters in a row. Without it the consumer goes on."""
    bank.environment["DEAD_LETTER_MOST_IN_A_ROW"] = "5"
    bank.publish(opened())
    bank.publish_messages(*[(b"C100", b"no event")] * 7, encode(submitted(1)))

    first = bank.consume().wait(60)
    assert bank.value("SELECT count(*) FROM accounts_deadletter") == 5
    bank.consume()
    bank.settles()

    assert first == 78
    assert "DEAD_LETTER_MOST_IN_A_ROW" in bank.output_of("run_consumer")
    check_all(bank)
