"""The spans of OpenTelemetry: a request, its publication, its posting, and the batch around it.

They are made once a step is done, with the times it had, so that no step knows of them.
"""

import time
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from accounts.tracing import Trace, parent_of

if TYPE_CHECKING:
    from streaming.steps import Step

# What could not be sent by then is let go: an end must not wait for a collector that is away.
_END_WITHIN_S: Final = 2.0


class Spans:
    """What one process sends to the collector that the settings of OpenTelemetry name."""

    def __init__(self, process: str) -> None:
        said = Resource({"service.name": f"bankportal-{process}"})
        self._provider = TracerProvider(
            resource=Resource.create().merge(said).merge(OTELResourceDetector().detect()),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("bankportal")

    def close(self) -> None:
        """Send what is left, if the collector takes it at once."""
        ending = Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_END_WITHIN_S)

    def begin_request(self, traceparent: str) -> Span:
        """Begin the span of a request, within the trace that ``traceparent`` names, if one."""
        return self._tracer.start_span("request", _within(traceparent), SpanKind.SERVER)

    @staticmethod
    def trace_of(span: Span) -> Trace:
        """Give the place of ``span`` in its trace."""
        at = span.get_span_context()
        return Trace(f"{at.trace_id:032x}", f"{at.span_id:016x}", f"{at.trace_flags & 1:02x}")

    @staticmethod
    def end_request(span: Span, method: str, route: str, status: int) -> None:
        """Conclude the span of a request. Nothing of its address but the pattern is told."""
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def published(self, steps: "Sequence[Step]") -> None:
        """Tell of rows that Kafka has acknowledged."""
        for step in steps:
            self._send("publish submissions", SpanKind.PRODUCER, step, start_ms=step.began_at_ms)

    def concluded(self, steps: "Sequence[Step]") -> None:
        """Tell of messages of one batch, each in its own trace, and of the batch."""
        sampled = [(step, at) for step in steps if (at := _place(step.traceparent)).trace_flags]
        if not sampled:
            return
        batch = self._tracer.start_span(
            "post batch",
            Context(),
            SpanKind.CONSUMER,
            {"messaging.system": "kafka"},
            [Link(at) for _step, at in sampled],
            sampled[0][0].began_at_ms * 1_000_000,
        )
        link = Link(batch.get_span_context())
        for step, _at in sampled:
            self._send(
                "post submissions", SpanKind.CONSUMER, step, start_ms=step.began_at_ms, link=link
            )
        batch.end()

    def _send(
        self, name: str, kind: SpanKind, step: "Step", *, start_ms: int, link: Link | None = None
    ) -> None:
        attributes: Mapping[str, Any] = {
            "messaging.system": "kafka",
            "messaging.destination.partition.id": str(step.partition),
            "messaging.kafka.offset": step.offset,
            **({"bankportal.fate": step.fate} if step.fate else {}),
        }
        span = self._tracer.start_span(
            name,
            _within(step.traceparent),
            kind,
            attributes,
            [link] if link else [],
            start_ms * 1_000_000,
        )
        end_ns = time.time_ns() if step.ended_at_ms is None else step.ended_at_ms * 1_000_000
        # A clock that was set back must not make it end before it began.
        span.end(max(end_ns, start_ms * 1_000_000))


def _within(traceparent: str) -> Context:
    return set_span_in_context(NonRecordingSpan(_place(traceparent)), Context())


def _place(traceparent: str) -> SpanContext:
    parent = parent_of(traceparent)
    if parent is None:
        return SpanContext(0, 0, is_remote=True)
    flags = TraceFlags(int(parent.flags, 16) & 1)
    return SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), True, flags)
