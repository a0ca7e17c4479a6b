"""When the relay writes down what Kafka has acknowledged."""

from collections import deque
from types import SimpleNamespace

import pytest

from accounts.models import Outbox
from streaming import relay
from streaming.kafka.producer import Acknowledged
from streaming.on_the_way import OnTheWay
from tests.builders import LedgerInTest
from tests.clock import Clock

HEARD_AT_MS = 1_700_000_000_123


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(relay, "time", clock)
    return clock


def test_the_first_of_them_waits_a_moment_and_all_keep_the_time_when_they_were_heard(db, clock):
    """Guard: written at once, it holds the lock just as the consumer wants to post the message."""
    row = Outbox.objects.create(topic="submissions", key=b"", value=b"", queued_at_ms=1)
    on_the_way = OnTheWay()
    on_the_way.take(row)
    on_the_way.acknowledge(row)
    session = relay._Session.__new__(relay._Session)
    session._found = SimpleNamespace(log=LedgerInTest().log)
    session._published, session._acknowledged_since = 0, None
    session._publisher = SimpleNamespace(
        acknowledged=deque([(row, Acknowledged(0, 7, HEARD_AT_MS))]),
        refused=deque(),
        on_the_way=on_the_way,
    )

    def is_written() -> bool:
        return Outbox.objects.get().published_at_ms is not None

    session._record(after_s=0.03)
    at_once = is_written()
    clock.now += 0.02
    session._record(after_s=0.03)
    too_soon = is_written()
    clock.now += 0.02
    session._record(after_s=0.03)

    assert not at_once
    assert not too_soon
    assert Outbox.objects.get().published_at_ms == HEARD_AT_MS
    assert session._publisher.acknowledged == deque()
