"""The limit of dead letters as a count, without database, Kafka or clock."""

import pytest
from msgspec.structs import replace

from accounts.ledger.conclusions import Dead, Refused, understand
from streaming.dead_letter_limit import WINDOW, DeadLetterLimit, Reached, TooManyDead
from tests.builders import delivered, raw, submitted

GOOD = delivered(submitted(1), 0)


class Log:
    """Counts what it is told, as a consumer that reads one batch after the other."""

    def __init__(self, **changes: int) -> None:
        self.limit = DeadLetterLimit(**{"most_in_a_row": 1_000, "most_percent": 50} | changes)
        self.next_offset = 0

    def batch(self, fates: str, partition: int = 0) -> tuple[list, list[Dead]]:
        """Give a batch in which an x is dead."""
        messages = [
            understand(
                raw(b"x", self.next_offset + n, partition=partition)
                if fate == "x"
                else replace(GOOD, offset=self.next_offset + n, partition=partition)
            )
            for n, fate in enumerate(fates)
        ]
        self.next_offset += len(fates)
        return messages, [Dead(each, b"") for each in messages if isinstance(each, Refused)]

    def read(self, fates: str, partition: int = 0) -> Reached | None:
        return self.limit.count(*self.batch(fates, partition))


def test_so_many_dead_letters_in_a_row_reach_the_limit_at_the_last_of_them():
    reached = Log(most_in_a_row=3).read("..x.xxxx")

    assert reached is not None
    assert (reached.index, reached.letter.message.offset, reached.in_a_row) == (6, 6, 3)
    assert reached.setting == "DEAD_LETTER_MOST_IN_A_ROW"


def test_a_row_goes_on_from_batch_to_batch():
    log = Log(most_in_a_row=4)

    assert log.read(".xx") is None
    assert log.read("x") is None
    assert log.read("x.") is not None


def test_a_good_message_ends_a_row():
    log = Log(most_in_a_row=3, most_percent=100)

    assert log.read("xx." * 500) is None


def test_each_partition_has_a_row_of_its_own():
    log = Log(most_in_a_row=3)

    assert log.read("xx", partition=0) is None
    assert log.read("xx", partition=1) is None
    assert log.read("..", partition=2) is None
    assert log.read("x", partition=1) is not None


def test_more_than_the_share_of_a_full_window_reaches_the_limit():
    log = Log(most_percent=50)

    assert log.read("x." * (WINDOW // 2)) is None
    assert log.read(".") is None

    log = Log(most_percent=50)
    assert log.read("x." * (WINDOW // 2 - 1) + "x") is None
    reached = log.read("xx")

    assert reached is not None
    assert (reached.index, reached.in_window) == (0, WINDOW // 2 + 1)
    assert reached.setting == "DEAD_LETTER_MOST_PERCENT"


def test_a_share_counts_only_once_there_were_so_many_messages():
    log = Log(most_percent=1)

    assert log.read("x" * 900 + "." * (WINDOW - 901)) is None
    assert log.read(".") is None
    assert log.read("x") is not None


def test_what_has_left_the_window_counts_no_more():
    log = Log(most_percent=10)
    log.read("x" * 150 + "." * WINDOW)

    assert log.read("x" * 150) is None


def test_a_share_of_a_hundred_percent_is_never_passed():
    log = Log(most_in_a_row=999_999_999, most_percent=100)

    assert log.read("x" * 3 * WINDOW) is None


def test_a_batch_that_passes_the_limit_is_to_be_cut_behind_it():
    log = Log(most_in_a_row=2)
    messages, dead = log.batch(".xx.x")

    with pytest.raises(TooManyDead) as cut:
        log.limit.review(messages, dead)

    assert cut.value.length == 3


def test_a_batch_that_ends_at_the_limit_needs_no_cut():
    log = Log(most_in_a_row=2)

    log.limit.review(*log.batch(".xx"))


def test_a_review_counts_nothing_so_that_a_batch_can_be_tried_again():
    log = Log(most_in_a_row=3)
    messages, dead = log.batch(".xx")

    for _try in range(5):
        log.limit.review(messages, dead)

    assert log.limit.count(messages, dead) is None
