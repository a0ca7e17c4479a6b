"""Lets Prometheus ask a process of ours, where METRICS_PORT says so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streaming.metrics import Metric


@contextmanager
def scraped(port: int, counted: Sequence[Metric] | None = None) -> Iterator[None]:
    """Answer scrapes at ``port`` meanwhile; do and import nothing where it is 0.

    ``counted`` are the metrics of a relay or consumer; without them it is a web process.
    """
    if not port:
        yield
        return
    from streaming.exposition import listen, of_web, of_worker  # noqa: PLC0415

    server = listen(port, of_web if counted is None else lambda: of_worker(counted))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
