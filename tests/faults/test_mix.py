"""All faults at random, for a short while; ``make faults`` goes on for longer."""

import pytest

from tests.faults.bank import Bank
from tests.faults.mix import Mix
from tests.faults.seeds import Chances

DURATION_S = 30.0


@pytest.mark.long
@pytest.mark.fault("26")
def test_a_random_mix_of_faults_under_load_leaves_the_books_in_order(
    new_bank, chances: Chances
) -> None:
    """All guards together; so short a while need not meet what a missing one of them does."""
    bank: Bank = new_bank(has_own_broker=True)
    mix = Mix(bank, chances)

    mix.run(DURATION_S)

    report = mix.report()
    assert report["injections_in_all"] > 3
    assert report["acknowledged_submissions"] > 0
    assert min(report["rows_told_to_dashboards"]) > 0
