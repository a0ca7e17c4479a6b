"""Verification needs no more memory for more rows."""

import tracemalloc
from collections.abc import Iterator

from accounts.ledger.messages import Delivered
from accounts.verification import Verification
from tests.builders import LedgerInTest, delivered, opened, submitted
from tests.databases import only_on

NUMBERS = [f"C{number}" for number in range(20)]
# More than are read at a time, and several times as many.
FEW, MANY = 1_500, 7_500


@only_on("sqlite", "about this process, whatever database")
def test_many_rows_take_no_more_memory_than_few(ledger: LedgerInTest):
    messages = [delivered(opened(account=number), n) for n, number in enumerate(NUMBERS)]
    messages += [
        delivered(submitted(1 + n % 7, account=NUMBERS[n % 20]), n) for n in range(20, MANY)
    ]

    peaks = {}
    posted = 0
    for count in (FEW, MANY):
        for start in range(posted, count, FEW):
            ledger.post_messages(messages[start : start + FEW])
        posted = count
        peaks[count] = peak_of_verifying(messages)

    assert peaks[MANY] < 1.3 * peaks[FEW], peaks


def peak_of_verifying(messages: list[Delivered]) -> int:
    def read(partition: int, start: int, end: int) -> Iterator[Delivered]:
        yield from (messages[n] for n in range(start, end) if partition == 0)

    verification = Verification(read)
    tracemalloc.start()
    try:
        assert list(verification.run(lambda _rows: None)) == []
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
