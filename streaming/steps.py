"""Logs the steps of what somebody submitted, each with the trace of the request that it came from.

One line a step, so that one id leads through the logs of web, relay and consumer. What has no
trace, such as a history, has no lines; nor has what would make too many of them.
"""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from accounts.ledger.messages import Delivered
from accounts.ledger.posting import Outcomes
from accounts.models import Outbox, Outcome
from accounts.tracing import TRACEPARENT, trace_id_of
from streaming.kafka.producer import Acknowledged

log = logging.getLogger(__name__)

# Another system may trace all it publishes, by the thousand: the ledger must not wait for a log.
MOST_AT_ONCE: Final = 100

Step = tuple[str, str]


def tell_of_published(acknowledged: Iterable[tuple[Outbox, Acknowledged]]) -> None:
    """Say where Kafka has written each of these rows."""
    _tell(
        (_trace_id((row.headers or {}).get(TRACEPARENT)), f"Published to {row.topic} {place(at)}.")
        for row, at in acknowledged
    )


def tell_of_concluded(outcomes: Outcomes) -> None:
    """Say what became of each message of a batch."""
    _tell(_concluded(outcomes))


def _concluded(outcomes: Outcomes) -> Iterator[Step]:
    for entry in outcomes.entries:
        if entry.message.headers:
            word = "Posted" if entry.outcome == Outcome.POSTED else f"Rejected ({entry.reason})"
            yield _trace_of(entry.message), f"{word} from {place(entry.message)}."
    for dead in outcomes.dead_letters:
        if dead.refused.message.headers:
            message = dead.refused.message
            said = f"Set aside as a dead letter ({dead.refused.reason}) from {place(message)}."
            yield _trace_of(message), said


def _tell(steps: Iterable[Step]) -> None:
    if log.isEnabledFor(logging.INFO):
        for trace_id, said in islice((step for step in steps if step[0]), MOST_AT_ONCE):
            log.info(said, extra={"trace_id": trace_id})


def place(at: Acknowledged | Delivered) -> str:
    """Name a place in the log as ``redrive`` does."""
    return f"{at.partition}:{at.offset}"


def _trace_of(message: Delivered) -> str:
    return _trace_id(dict(message.headers).get(TRACEPARENT))


def _trace_id(traceparent: bytes | str | None) -> str:
    if isinstance(traceparent, bytes):
        traceparent = traceparent.decode("ascii", errors="replace")
    return trace_id_of(traceparent) if traceparent else ""
