"""Processes killed or stopped in the midst of their work, at points that are named."""

import signal
import time

import pytest

from accounts.identifiers import new_transaction_id
from tests.builders import submitted, withdrawn
from tests.faults.bank import ACCOUNTS, Bank, stop
from tests.faults.faulty import POINTS
from tests.faults.invariants import check_all, check_books
from tests.faults.seeds import Chances
from tests.faults.work import movements
from tests.processes import wait_until

# A name of its own, so that a consumer takes its partitions back at once after a kill.
OWNER = ("--member", "one")
LONG_AGO_MS = 61_000


def points_of(process: str) -> list[str]:
    return [point for point in POINTS if point.startswith(process)]


@pytest.mark.fault("1")
def test_a_consumer_killed_at_each_point_of_its_work_concludes_each_message_once(
    bank: Bank, chances: Chances
) -> None:
    """Guard: one transaction a batch. Without it rows and counts differ after a kill."""
    bank.open_accounts(*ACCOUNTS[:4])

    for point in chances.sample(points_of("consumer"), 4):
        fault = {"point": point, "turn": chances.randint(1, 4)}
        consumer = bank.start_faulty(fault, "run_consumer", *OWNER)
        while consumer.poll() is None:
            bank.publish(*movements(chances, 10))
        assert consumer.returncode == -signal.SIGKILL
        assert f"Struck: {point}" in bank.output_of("run_consumer")
        check_books(bank)
    bank.consume(*OWNER)

    bank.settles()
    check_all(bank)


@pytest.mark.fault("1")
@pytest.mark.fault("17")
def test_a_relay_killed_at_each_point_of_its_work_loses_nothing_and_doubles_nothing(
    bank: Bank, chances: Chances
) -> None:
    """Guard: sent first, marked then, and each id concluded once.

    Marked first, nothing was ever sent twice; with ids not asked for, the consumer died of the
    second one.
    """
    bank.open_accounts(*ACCOUNTS[:4])
    bank.consume()

    for point in chances.sample(points_of("relay"), 4):
        fault = {"point": point, "turn": chances.randint(1, 4)}
        relay = bank.start_faulty(fault, "run_relay")
        while relay.poll() is None:
            bank.teller.deposit(chances.randint(1, 500), chances.choice(ACCOUNTS[:4]))
        assert relay.returncode == -signal.SIGKILL
        assert f"Struck: {point}" in bank.output_of("run_relay")
    bank.relay()

    bank.settles()
    check_all(bank)
    assert bank.value("SELECT sum(repeats) FROM accounts_logposition") > 0


@pytest.mark.fault("17")
def test_what_the_broker_lost_after_all_is_published_again_and_posted_once(bank: Bank) -> None:
    """Guard: what got no outcome is published again. Without it I5 waits in vain."""
    bank.open_accounts()
    bank.consume()
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")
    for amount_minor in (100, 20, 3):
        bank.teller.deposit(amount_minor)
    # As if it had been acknowledged at the place of the opening, which the ledger has passed.
    lost = bank.execute(
        "UPDATE accounts_outbox SET attempts = 1, published_at_ms = ?, log_id = e.log_id, "
        'partition = e.partition, "offset" = e."offset" FROM accounts_entry e '
        "WHERE accounts_outbox.id = 1",
        [time.time_ns() // 1_000_000 - LONG_AGO_MS],
    )

    bank.relay()

    bank.settles()
    assert lost == 1
    assert bank.balance("C100") == 123
    attempts = "SELECT attempts FROM accounts_outbox ORDER BY id"
    wait_until(
        lambda: bank.query(attempts) == [(2,), (1,), (1,)],
        "each is on record as published, the lost one twice",
    )
    check_all(bank)


@pytest.mark.fault("2")
def test_asked_to_stop_in_mid_batch_it_ends_in_order_and_another_one_reads_on(
    bank: Bank, chances: Chances
) -> None:
    """Guard: SIGTERM is heard and the batch finished. Without it the exit code is -15."""
    bank.open_accounts(*ACCOUNTS[:4])
    fault = {"point": "consumer in mid-batch", "turn": 2, "signal": "SIGTERM"}
    asked = bank.start_faulty(fault, "run_consumer")
    wait_until(lambda: bank.entries() == 4, "it posts")
    other = bank.consume()

    bank.publish(*movements(chances, 200))
    assert asked.wait(30) == 0
    ended = time.monotonic()
    bank.publish(*movements(chances, 100))
    bank.settles()

    assert time.monotonic() - ended < 10
    assert bank.was_struck("run_consumer")
    check_all(bank)
    stop(other)


@pytest.mark.fault("4")
def test_consumers_that_come_and_go_keep_the_order_of_an_account(
    bank: Bank, chances: Chances
) -> None:
    """Guard: a consumer begins at the database's position. From its own, the other is refused."""
    bank.open_accounts()
    at_work = [bank.consume()]

    for number in range(2, 5):
        # Any other order would have a withdrawal refused.
        amounts = [chances.randint(1, 1_000) for _ in range(150)]
        bank.publish(*(move(each) for each in amounts for move in (submitted, withdrawn)))
        at_work.append(bank.consume())
        wait_until(
            lambda number=number: bank.output_of("run_consumer").count("Posting from") == number,
            "another one has come",
        )
        stop(at_work.pop(0))

    bank.settles()
    assert bank.entries() == 901
    assert bank.value("SELECT count(*) FROM accounts_entry WHERE outcome = 2") == 0
    assert bank.balance("C100") == 0
    check_all(bank)


@pytest.mark.fault("18")
def test_a_web_server_killed_before_it_answers_has_filed_what_it_took(new_bank) -> None:
    """Guard: the same form is the same submission. Without it the second answer is a 409."""
    bank = new_bank()
    bank.create_topics()
    bank.serve_faulty({"point": "web after COMMIT"})
    bank.watch().watches()
    bank.open_accounts()
    bank.consume()
    identifier = new_transaction_id()

    with pytest.raises(OSError, match=r"closed|reset"):
        bank.teller.deposit(1_234, transaction_id=identifier)
    assert bank.web.wait(10) == -signal.SIGKILL
    bank.serve()

    assert bank.was_struck("web")
    assert bank.teller.get(f"/transactions/{identifier}/").status == 200
    again = bank.teller.deposit(1_234, transaction_id=identifier)
    assert (again.status, again.location) == (302, f"/transactions/{identifier}/")
    bank.relay()
    bank.teller.waits_for(identifier, "posted")
    bank.settles()
    assert bank.balance("C100") == 1_234
    check_all(bank)


@pytest.mark.fault("3")
def test_a_consumer_that_froze_until_it_was_given_up_writes_nothing_afterwards(
    bank: Bank, chances: Chances
) -> None:
    """Guard: offsets move by compare-and-set. Without it no batch is refused."""
    bank.open_accounts(*ACCOUNTS[:4])
    predecessor = bank.start("run_consumer")
    wait_until(lambda: bank.entries() == 4, "the accounts are open")
    predecessor.terminate()
    predecessor.wait(20)
    fault = {"point": "consumer before BEGIN", "turn": 1, "signal": "SIGSTOP"}
    zombie = bank.start_faulty(fault, "run_consumer")
    bank.publish(*movements(chances, 200))
    wait_until(lambda: bank.was_struck("run_consumer"), "it holds a batch, and stands still")
    bank.consume()
    bank.settles()
    assert bank.entries() == 204

    zombie.send_signal(signal.SIGCONT)

    wait_until(
        lambda: "A stale batch was refused" in bank.output_of("run_consumer"), "it is refused"
    )
    bank.publish(*movements(chances, 100))
    bank.settles()
    assert zombie.poll() is None
    check_all(bank)
