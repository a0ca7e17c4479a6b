"""Clocks that are wrong by a day."""

import pytest

from tests.faults.invariants import check_all
from tests.processes import wait_until

A_DAY_S = 24 * 60 * 60
_ENTRIES = (
    'SELECT kind_id, outcome, business_date, submitted_at_ms, logged_at_ms, posted_at_ms, "offset" '
    "FROM accounts_entry WHERE kind_id > 1 ORDER BY id"
)


@pytest.mark.fault("21")
@pytest.mark.parametrize("web_s", [A_DAY_S, -A_DAY_S], ids=["ahead", "behind"])
def test_clocks_wrong_by_a_day_change_neither_order_nor_balances(new_bank, web_s: int) -> None:
    """Guard: no clock decides. With events from tomorrow refused, the deposit is."""
    bank = new_bank()
    bank.create_topics()
    bank.serve_faulty({"clock_s": web_s})
    bank.watch().watches()
    bank.start_faulty({"clock_s": -web_s}, "run_consumer")
    bank.start_faulty({"clock_s": web_s}, "run_relay")
    bank.open_accounts()
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")

    bank.teller.deposit(100)
    bank.web.terminate()
    bank.web.wait(30)
    bank.serve_faulty({"clock_s": -web_s})
    bank.teller.withdraw(100)
    bank.settles()

    first, second = bank.query(_ENTRIES)
    assert (first[:2], second[:2]) == ((2, 1), (3, 1))
    assert first[6] < second[6]
    submitted_days_later = (second[3] - first[3]) / 1000 / -web_s
    assert 1.9 < submitted_days_later < 2.1
    assert (first[2] > second[2]) == (web_s > 0)
    assert 0 <= second[4] - first[4] < A_DAY_S * 500
    assert abs(first[5] - first[4] + web_s * 1000) < A_DAY_S * 500
    assert bank.balance("C100") == 0
    check_all(bank)
