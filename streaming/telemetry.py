"""Sends a span of each step to a collector, where OTEL_EXPORTER_OTLP_ENDPOINT names one.

Without it nothing is imported and nothing is done: a trace is then an id in the logs alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from accounts.tracing import following

if TYPE_CHECKING:
    from streaming.spans import Spans

_spans: "Spans | None" = None


@contextmanager
def spans_sent(process: str) -> Iterator[None]:
    """Send spans meanwhile, as ``process``, where that is wanted."""
    global _spans  # noqa: PLW0603 # a process has one collector
    if not settings.TRACES_ENDPOINT:
        yield
        return
    from streaming.spans import Spans  # noqa: PLC0415 # it takes half a second

    _spans = Spans(process)
    try:
        yield
    finally:
        _spans.close()
        _spans = None


def spans() -> "Spans | None":
    """Give what sends spans, or None where none are sent."""
    return _spans


class RequestSpan:
    """The trace within which a request is answered, and its span, if one is sent."""

    def __init__(self, traceparent: str) -> None:
        sent = _spans
        self._own = (sent, sent.begin_request(traceparent)) if sent else None
        self.trace = self._own[0].trace_of(self._own[1]) if self._own else following(traceparent)

    def end(self, method: str, route: str, status: int) -> None:
        """Conclude the span, named by the pattern of the address."""
        if self._own:
            sent, span = self._own
            sent.end_request(span, method, route, status)
