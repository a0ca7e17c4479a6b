"""Tells the steps of what somebody submitted, each with the trace of the request it came from.

In the log one line a step, so that one id leads through those of web, relay and consumer; and a
span each where spans are sent. What has no trace, such as a history, has neither; nor has what
would make too many of them.
"""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from accounts.ledger.messages import Delivered
from accounts.ledger.posting import Outcomes
from accounts.models import Outbox, Outcome
from accounts.tracing import TRACEPARENT, trace_id_of
from streaming.kafka.producer import Acknowledged
from streaming.telemetry import spans

log = logging.getLogger(__name__)

# Another system may trace all it publishes, by the thousand: the ledger must not wait for a log.
MOST_AT_ONCE: Final = 100


class Step(NamedTuple):
    """What happened to one message, where it stands in the log, and from when to when it took.

    Without an end it is over as it is told.
    """

    traceparent: str
    said: str
    partition: int
    offset: int
    began_at_ms: int
    ended_at_ms: int | None = None
    fate: str = ""


def tell_of_published(acknowledged: Iterable[tuple[Outbox, Acknowledged]]) -> None:
    """Say where Kafka has written each of these rows."""
    told = _tell(
        Step(
            _text((row.headers or {}).get(TRACEPARENT)),
            f"Published to {row.topic} {place(at)}.",
            at.partition,
            at.offset,
            row.queued_at_ms or at.at_ms,
            at.at_ms,
        )
        for row, at in acknowledged
    )
    if told and (sent := spans()):
        sent.published(told)


def tell_of_concluded(outcomes: Outcomes) -> None:
    """Say what became of each message of a batch."""
    told = _tell(_concluded(outcomes))
    if told and (sent := spans()):
        sent.concluded(told)


def _concluded(outcomes: Outcomes) -> Iterator[Step]:
    for entry in outcomes.entries:
        if entry.message.headers:
            is_posted = entry.outcome == Outcome.POSTED
            word = "Posted" if is_posted else f"Rejected ({entry.reason})"
            fate = "posted" if is_posted else "rejected"
            yield _step(entry.message, word, fate, outcomes.posted_at_ms)
    for dead in outcomes.dead_letters:
        if dead.refused.message.headers:
            word = f"Set aside as a dead letter ({dead.refused.reason})"
            yield _step(dead.refused.message, word, "dead", outcomes.posted_at_ms)


def _step(message: Delivered, word: str, fate: str, began_at_ms: int) -> Step:
    return Step(
        _text(dict(message.headers).get(TRACEPARENT)),
        f"{word} from {place(message)}.",
        message.partition,
        message.offset,
        began_at_ms,
        fate=fate,
    )


def _tell(steps: Iterable[Step]) -> list[Step]:
    """Log the steps that have a trace; give them."""
    is_logged = log.isEnabledFor(logging.INFO)
    if not is_logged and spans() is None:
        return []
    told = list(islice((step for step in steps if trace_id_of(step.traceparent)), MOST_AT_ONCE))
    for step in told if is_logged else ():
        log.info(step.said, extra={"trace_id": trace_id_of(step.traceparent)})
    return told


def place(at: Acknowledged | Delivered) -> str:
    """Name a place in the log as ``redrive`` does."""
    return f"{at.partition}:{at.offset}"


def _text(traceparent: bytes | str | None) -> str:
    if isinstance(traceparent, bytes):
        return traceparent.decode("ascii", errors="replace")
    return traceparent or ""
