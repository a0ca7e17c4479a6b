"""One submission is one trace through web, relay and consumer, which each tell how they do."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from accounts.events import encode
from accounts.identifiers import new_transaction_id
from bankportal.setting_rules import traces_endpoint
from streaming.kafka.admin import create_topic
from streaming.steps import MOST_AT_ONCE
from tests.builders import opened, submitted
from tests.processes import scraped, wait_until
from tests.streaming.test_metrics import free_port
from tests.streaming.test_posting_end_to_end import Bank
from tests.streaming.test_traces import PASSWORD, PEOPLE, SERVE, Browser

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Collector:
    """A collector of OpenTelemetry that keeps what it is sent."""

    def __init__(self) -> None:
        collector = self
        self.spans: list[tuple[str, Span]] = []
        self.answers = threading.Event()
        self.answers.set()

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.answers.wait(60)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            [name] = [
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            ]
            for scope in resource.scope_spans:
                self.spans += [(name, span) for span in scope.spans]

    def of(self, trace_id: str) -> dict[tuple[str, str], Span]:
        """Give the spans of a trace by process and name."""
        return {
            (process, span.name): span
            for process, span in list(self.spans)
            if span.trace_id.hex() == trace_id
        }

    def named(self, name: str) -> list[Span]:
        return [span for _process, span in list(self.spans) if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def bank(kafka, portal_on, collector):
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    for topic in (bank.topic, f"{bank.topic}.dead"):
        create_topic(kafka, topic, partition_count=3)
    bank.publish(encode(opened()))
    bank.python(PEOPLE)
    bank.ports = {}
    for command in ("run_consumer", "run_relay"):
        bank.ports[command] = free_port()
        bank.start(command, "--metrics-port", str(bank.ports[command]))
    return bank


def test_one_submission_is_one_trace_and_each_process_counts_it(bank, collector):
    bank.ports["web"] = free_port()
    bank.environment["METRICS_PORT"] = str(bank.ports["web"])
    browser = Browser(bank.serve("-c", SERVE))
    wait_until(bank.answers, "the web server serves")
    browser.ask("GET", "/auth/login/")
    browser.send("/auth/login/", login="teller", password=PASSWORD)
    form = {"account": "C100", "kind": "deposit", "amount": "25.00", "reference": "marked"}

    answer = browser.send("/transactions/new/", transaction_id=str(new_transaction_id()), **form)
    trace_id = answer.headers["X-Request-ID"]

    wait_until(lambda: len(collector.of(trace_id)) == 3, "all three have sent their spans")
    found = collector.of(trace_id)
    request = found["bankportal-web", "POST /transactions/new/"]
    published = found["bankportal-relay", "publish submissions"]
    posted = found["bankportal-consumer", "post submissions"]
    assert request.parent_span_id == b""
    assert published.parent_span_id == posted.parent_span_id == request.span_id
    assert request.start_time_unix_nano < posted.end_time_unix_nano
    [batch] = collector.named("post batch")
    assert [each.span_id for each in posted.links] == [batch.span_id]
    assert [each.span_id for each in batch.links] == [request.span_id]
    assert batch.trace_id != request.trace_id
    sent = "".join(str(span) for _process, span in collector.spans)
    assert not [word for word in ("marked", "C100", "teller", "25.00") if word in sent]
    of_consumer = scraped(bank.ports["run_consumer"])
    assert of_consumer['bankportal_consumer_messages_total{fate="posted"}'] == 2
    assert of_consumer["bankportal_click_to_posted_seconds_count"] >= 1
    wait_until(
        lambda: (
            [
                value
                for name, value in scraped(bank.ports["run_consumer"]).items()
                if name.startswith("bankportal_consumer_lag_messages")
            ]
            == [0, 0, 0]
        ),
        "the consumer has said that nothing is left",
    )
    of_relay = scraped(bank.ports["run_relay"])
    assert of_relay["bankportal_relay_published_total"] == 1
    assert of_relay["bankportal_relay_is_publishing"] == 1
    of_web = scraped(bank.ports["web"])
    assert of_web['bankportal_ledger_messages_total{fate="posted"}'] == 2
    assert of_web["bankportal_relay_lease_is_held"] == 1
    assert of_web['bankportal_web_request_seconds_count{method="POST",status="302"}'] == 2


def test_of_what_others_trace_so_much_is_told_and_nothing_of_what_they_do_not(bank, collector):
    unsampled = SAMPLED[:-2] + "00"
    bank.publish(encode(submitted(100)))
    bank.publish(encode(submitted(100)), headers={"traceparent": unsampled})
    bank.publish(encode(submitted(100)), headers={"traceparent": SAMPLED})

    wait_until(lambda: collector.named("post submissions"), "the traced one is told of")
    wait_until(lambda: collector.named("post batch"), "its batch is told of")
    bank.waits_for_entries(4)

    [posted] = collector.named("post submissions")
    assert posted.trace_id.hex() == SAMPLED[3:35]
    assert sum(len(batch.links) for batch in collector.named("post batch")) == 1
    assert MOST_AT_ONCE <= 128  # as many links as a span keeps


def test_a_collector_that_does_not_answer_delays_no_end(bank, collector):
    collector.answers.clear()
    bank.publish(encode(submitted(100)), headers={"traceparent": SAMPLED})
    bank.waits_for_entries(2)
    [consumer, _relay] = bank.running()

    consumer.terminate()

    assert consumer.wait(8) == 0
    collector.answers.set()


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter"])
def test_without_its_libraries_the_setting_is_refused_with_the_remedy(monkeypatch, missing):
    for name in [each for each in sys.modules if each.startswith(missing)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ImproperlyConfigured, match="make telemetry"):
        traces_endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")


@pytest.mark.parametrize("text", ["127.0.0.1:4318", "grpc://collector", "http://", "http:///x"])
def test_an_address_that_no_collector_has_is_refused(text):
    with pytest.raises(ImproperlyConfigured, match="Set it to an address"):
        traces_endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", text)
