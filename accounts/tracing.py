"""The trace by which one request, and all that comes of it, is found again in every log.

W3C Trace Context: a request's id is the trace-id of its ``traceparent``, which a submission
carries through the outbox and Kafka to the ledger. It decides nothing on its way.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = "traceparent"

# A later version may say more behind what we know; version ff is none.
_FORM = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Trace:
    """One request's place in a trace: ``trace_id`` is the whole's, ``span_id`` its own."""

    trace_id: str
    span_id: str
    flags: str = "00"

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace() -> Trace | None:
    """Give the trace of the request that is being answered, if one is."""
    return _current.get()


def trace_id_of(traceparent: str) -> str:
    """Give the trace-id that a ``traceparent`` names; empty where it is none."""
    parent = parent_of(traceparent)
    return parent.trace_id if parent else ""


def following(traceparent: str) -> Trace:
    """Give a new place in the trace that ``traceparent`` names, or else in a new one."""
    parent = parent_of(traceparent)
    return Trace(
        trace_id=parent.trace_id if parent else secrets.token_hex(16),
        span_id=secrets.token_hex(8),
        flags=parent.flags if parent else "00",
    )


@contextmanager
def traced(trace: Trace) -> Iterator[Trace]:
    """Answer a request within ``trace``."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


def trace_headers() -> dict[str, str] | None:
    """Give the headers of a message that is published for the current request; None without one."""
    trace = current_trace()
    return {TRACEPARENT: str(trace)} if trace else None


def parent_of(traceparent: str) -> Trace | None:
    """Give the trace, and the place in it, that a ``traceparent`` names; None where it is none."""
    found = _FORM.fullmatch(traceparent)
    if found is None or (found["more"] and found["version"] == "00"):
        return None
    if not int(found["trace"], 16) or not int(found["parent"], 16):
        return None
    return Trace(found["trace"], found["parent"], found["flags"])
