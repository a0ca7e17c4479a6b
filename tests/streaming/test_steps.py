"""What the logs of relay and consumer tell of what has a trace."""

import logging

import pytest

from accounts.events import encode
from accounts.ledger.messages import Delivered
from accounts.models import Outbox
from streaming.kafka.producer import Acknowledged
from streaming.steps import MOST_AT_ONCE, tell_of_concluded, tell_of_published
from tests.builders import LedgerInTest, opened, submitted, withdrawn

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, logger="streaming.steps")
    return lambda: [(record.getMessage(), record.trace_id) for record in caplog.records]


def with_headers(*contents, **headers: bytes) -> list[Delivered]:
    return [
        Delivered(0, offset, 1_000 + offset, *encode(event), 0, tuple(headers.items()))
        for offset, event in enumerate(contents)
    ]


def test_a_batch_tells_what_became_of_each_message_with_a_trace(db, said):
    events = (opened(), submitted(100), withdrawn(500), submitted(100, account="C404"))

    tell_of_concluded(
        LedgerInTest().post_messages(with_headers(*events, traceparent=TRACEPARENT.encode()))
    )

    assert said() == [
        ("Posted from 0:0.", TRACE),
        ("Posted from 0:1.", TRACE),
        ("Rejected (overdraft) from 0:2.", TRACE),
        ("Rejected (unknown_account) from 0:3.", TRACE),
    ]


@pytest.mark.parametrize("headers", [{}, {"traceparent": b"\xff\x00 forged"}, {"other": b"x"}])
def test_what_has_no_trace_has_no_line(db, said, headers):
    tell_of_concluded(LedgerInTest().post_messages(with_headers(opened(), **headers)))
    tell_of_published([(Outbox(topic="submissions"), Acknowledged(1, 2, 1_000))])

    assert said() == []


def test_another_system_that_traces_everything_does_not_make_the_ledger_wait(db, said):
    events = [opened(), *(submitted(100) for _ in range(MOST_AT_ONCE * 2))]

    tell_of_concluded(
        LedgerInTest().post_messages(with_headers(*events, traceparent=TRACEPARENT.encode()))
    )

    assert len(said()) == MOST_AT_ONCE


def test_the_relay_tells_where_a_row_was_published(said):
    row = Outbox(topic="submissions", headers={"traceparent": TRACEPARENT})

    tell_of_published([(row, Acknowledged(3, 1024, 1_000))])

    assert said() == [("Published to submissions 3:1024.", TRACE)]
