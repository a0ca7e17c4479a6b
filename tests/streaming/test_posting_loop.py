"""The loop between the log and the ledger, where a log does what none should."""

from collections.abc import Callable

import pytest

from accounts.ledger.identity import identity_of
from accounts.ledger.messages import Delivered
from streaming import consumer
from streaming.endpoint import Endpoint
from streaming.kafka.reader import ReadFailed
from streaming.stopping import DeliberateStop, StopRequest
from tests.builders import LedgerInTest, delivered, opened, submitted

pytestmark = pytest.mark.django_db


class ImpatientStop(StopRequest):
    """Counts the seconds that are waited, and lets none go by."""

    waited_s = 0.0

    def wait(self, seconds: float) -> bool:
        self.waited_s += seconds
        return self.is_set()


@pytest.fixture
def ledger():
    return LedgerInTest()


@pytest.fixture
def post_from(ledger, monkeypatch):
    """Give a function that runs the loop on what reading gives, or raises, one after the other."""

    def run(*answers: list[Delivered] | Exception) -> ImpatientStop:
        stop, left = ImpatientStop(), list(answers)

        class Log:
            def __init__(self, _endpoint, _topic, _group, positions: Callable, *, member) -> None:
                positions([0, 1])

            def read(self, _limit, _timeout):
                if not left:
                    stop.set()
                    return []
                if isinstance(answer := left.pop(0), Exception):
                    raise answer
                return answer

            def commit_hint(self, _following) -> None:
                """Nobody listens."""

            def close(self) -> None:
                """Nothing is open."""

        found = Endpoint("external", "127.0.0.1:9"), ledger.log, identity_of(ledger.log)
        monkeypatch.setattr(consumer, "wait_for_log", lambda _stop: found)
        monkeypatch.setattr(consumer, "_collect_garbage_less", lambda: None)
        monkeypatch.setattr(consumer, "Reader", Log)
        consumer.consume(stop)
        return stop

    return run


def test_a_log_that_goes_back_while_it_is_posted_stops_by_partition_and_offsets(ledger, post_from):
    with pytest.raises(DeliberateStop, match=r"partition 0 gave offset 0 after 0\). Nothing was"):
        post_from([delivered(opened(), 0)], [delivered(submitted(), 0)])

    assert ledger.position().next_offset == 1


def test_a_partition_that_cannot_be_read_does_not_keep_the_others_waiting(ledger, post_from):
    stop = post_from(ReadFailed("partition 1: damaged", 1), [delivered(opened(), 0)])

    assert stop.waited_s == 0
    assert ledger.position().next_offset == 1


def test_a_broker_that_answers_nothing_but_an_error_is_not_asked_without_a_pause(post_from):
    stop = post_from(ReadFailed("not permitted", None))

    assert stop.waited_s == 1
