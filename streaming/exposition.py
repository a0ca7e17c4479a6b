"""What a process measures, written down for Prometheus, and the listener that hands it out.

Imported where somebody asks: a process that nobody scrapes does without the library.
"""

import hmac
import logging
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Lock, Thread, Timer
from typing import Any, Final

import prometheus_client
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from streaming.metric_reads import disk_metrics, ledger_metrics
from streaming.metrics import OF_WEB, Histogram, Metric

log = logging.getLogger(__name__)

REFUSED: Final = "Send METRICS_TOKEN as a bearer token.\n"
# From a connection to the end of its request, however slowly that comes.
ASKED_WITHIN_S: Final = 5.0
# Far more than scrape at once. Each has a thread, beside those that do the process's work.
MOST_AT_ONCE: Final = 16

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Found = Callable[[], Iterable[Metric]]

_process = prometheus_client.ProcessCollector(registry=None)
# What is read for one answer must not be changed by the next one.
_one_at_a_time = Lock()


def of_web() -> Iterable[Metric]:
    """Give the metrics of a web process, which asks the database for the ledger's."""
    return [*OF_WEB, *disk_metrics(), *ledger_metrics()]


def of_worker(counted: Sequence[Metric]) -> Iterable[Metric]:
    """Give those of a relay or consumer."""
    return [*counted, *disk_metrics()]


def exposition(found: Found, accept: str = "") -> tuple[bytes, str]:
    """Give the answer to a scrape and its type, in the form that ``accept`` asks for."""
    encode, content_type = choose_encoder(accept)
    with _one_at_a_time:
        return encode(_Collected(found)), content_type


def is_let_in(authorization: str) -> bool:
    """Say whether an Authorization header carries METRICS_TOKEN, in the same time for any other."""
    wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
    is_same = hmac.compare_digest(authorization.encode("utf-8", "replace"), wanted)
    return bool(settings.METRICS_TOKEN) and is_same


def listen(port: int, found: Found) -> ThreadingHTTPServer:
    """Answer scrapes at METRICS_HOST and ``port`` from threads of their own, till it is closed."""
    host = settings.METRICS_HOST
    try:
        server = _Server((host, port), partial(_Answer, found))
    except OSError as reason:
        raise ImproperlyConfigured(
            f"METRICS_PORT: nothing can listen at {host} port {port} "
            f"({reason.strerror or reason}). Set it, or METRICS_HOST, to what is free here."
        ) from reason
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Collected(Collector):
    """The metrics of one answer, in the library's words."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def collect(self) -> Iterator[prometheus_client.Metric]:
        yield from map(_family, self._found())
        yield from _process.collect()


def _family(metric: Metric) -> Family:
    if isinstance(metric, Histogram):
        return _histogram(metric)
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = make(metric.name, f"{metric.meaning}.", labels=metric.labels)
    for labels, value, _counts in metric.samples():
        family.add_metric(labels, value)
    return family


def _histogram(metric: Histogram) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, f"{metric.meaning}.", labels=metric.labels)
    names = [*(str(float(bound)) for bound in metric.bounds), "+Inf"]
    for labels, total, counts in metric.samples():
        reached, buckets = 0, []
        for name, count in zip(names, counts, strict=True):
            reached += count
            buckets.append((name, reached))
        family.add_metric(labels, buckets, total)
    return family


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], answer: Callable[..., "_Answer"]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._room = BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, answer)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, or hang up where there are too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, *_details: object) -> None:
        """Let a client go that has gone; say what else went wrong, which is ours."""
        reason = sys.exception()
        if not isinstance(reason, OSError):
            log.error("The metrics could not be told.", exc_info=reason)


class _Answer(BaseHTTPRequestHandler):
    """One scrape."""

    timeout = ASKED_WITHIN_S
    server_version, sys_version = "bankportal", ""

    def __init__(self, found: Found, *details: object) -> None:
        self._found = found
        super().__init__(*details)  # type: ignore[arg-type]

    def setup(self) -> None:
        """Hear nothing more once it is late: the timeout begins anew with each byte."""
        super().setup()
        self._late = Timer(ASKED_WITHIN_S, self._hear_no_more)
        self._late.daemon = True
        self._late.start()

    def finish(self) -> None:
        """Be late no more."""
        self._late.cancel()
        super().finish()

    def _hear_no_more(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)

    def do_GET(self) -> None:
        """Answer at /metrics alone."""
        if self.path.partition("?")[0] != "/metrics":
            self._send(HTTPStatus.NOT_FOUND, b"", "text/plain")
        elif settings.METRICS_TOKEN and not is_let_in(self.headers.get("Authorization", "")):
            self._send(HTTPStatus.UNAUTHORIZED, REFUSED.encode(), "text/plain")
        else:
            try:
                answer = exposition(self._found, self.headers.get("Accept", ""))
            finally:
                connection.close()
            self._send(HTTPStatus.OK, *answer)

    def log_message(self, *_words: object) -> None:
        """Say nothing: a scrape comes every few seconds."""

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
