"""The loop between the log and the ledger, where a log does what none should."""

from collections.abc import Callable

import pytest
from django.db import OperationalError

from accounts.ledger.identity import identity_of
from accounts.ledger.messages import Delivered
from accounts.models import LogPosition
from streaming import consumer
from streaming.endpoint import Endpoint
from streaming.kafka.reader import ClientFailed, ReadFailed
from streaming.log_guard import LogGuard
from streaming.metrics import DATABASE_AWAY
from streaming.stopping import DeliberateStop, StopRequest
from streaming.waiting import FoundLog
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
            heard_at = None

            def __init__(self, _endpoint, _topic, _group, positions: Callable, *, member) -> None:
                self.restart = lambda: positions([0, 1])
                self.restart()

            def read(self, _limit, _timeout):
                if not left:
                    stop.set()
                    return []
                if isinstance(answer := left.pop(0), Exception):
                    raise answer
                return answer

            def ends(self) -> dict[int, int]:
                return {}

            def commit_hint(self, _following) -> None:
                """Nobody listens."""

            def close(self) -> None:
                """Nothing is open."""

        at = Endpoint("external", "127.0.0.1:9")
        found = FoundLog(at, ledger.log, identity_of(ledger.log), 0, LogGuard(at))
        monkeypatch.setattr(consumer, "wait_for_log", lambda _stop, **_how: found)
        monkeypatch.setattr(consumer, "collect_garbage_less", lambda: None)
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


def test_a_client_that_has_failed_is_replaced_after_a_pause(ledger, post_from):
    """Red where it is kept: the consumer runs on and posts nothing."""
    stop = post_from(ClientFailed("fenced"), [delivered(opened(), 0)])

    assert stop.waited_s == 1
    assert ledger.position().next_offset == 1


def overtaken(ledger, messages: list[Delivered]) -> list[Delivered]:
    """Give a batch whose partition another consumer has moved on meanwhile."""

    class Overtaken(list[Delivered]):
        def __iter__(self):
            if ledger.position().next_offset == messages[0].offset:
                ledger.post_messages(messages)
            return super().__iter__()

    return Overtaken(messages)


def test_a_stale_batch_is_refused_and_counted_by_its_partition(ledger, post_from):
    """Red where ``OffsetMoved`` is not counted, or counted within the batch it undoes."""
    post_from(overtaken(ledger, [delivered(opened(), 0)]), [delivered(submitted(), 1)])

    assert ledger.position().refused_batches == 1
    assert ledger.position(1).refused_batches == 0
    assert ledger.position().next_offset == 2


@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_cannot_be_counted_now_is_counted_later(ledger, post_from, monkeypatch):
    """Red where counting waits for the database: the next batch would wait with it."""
    count, attempts = consumer.count_refused_batches, []

    def locked_once(*place: int) -> None:
        attempts.append(LogPosition.objects.get(log=ledger.log, partition=0).next_offset)
        if len(attempts) == 1:
            raise OperationalError("database is locked")
        count(*place)

    monkeypatch.setattr(consumer, "count_refused_batches", locked_once)

    post_from(overtaken(ledger, [delivered(opened(), 0)]), [delivered(submitted(), 1)])

    assert attempts == [1, 2]
    assert ledger.position().refused_batches == 1


@pytest.mark.django_db(transaction=True)
def test_an_idle_consumer_whose_database_was_away_says_when_it_is_back(post_from, monkeypatch):
    """Red without ``is_back`` after a look: until the next posting the alert stays on."""
    looks = iter([OperationalError("the connection is lost")])

    def look(_guard: LogGuard) -> None:
        if reason := next(looks, None):
            raise reason
        seen.append(away())

    def away() -> float:
        (sample,) = DATABASE_AWAY.samples()
        return sample[1]

    seen: list[float] = []
    monkeypatch.setattr(LogGuard, "look", look)
    monkeypatch.setattr(consumer, "CHECK_ENDPOINT_S", -1)

    post_from([], [], [])

    assert seen[0] == 1
    assert away() == 0
