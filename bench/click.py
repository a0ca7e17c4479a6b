"""From an agent's POST to the frame on another agent's socket, while nothing else goes on.

Through Daphne, the outbox, the relay, a real Kafka and a real consumer. Measured where the
browsers are, from before the POST is sent, so that what the portal is held to is less than this.
"""

import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.figure import Beside, Figure, at_most, in_turn, percentile
from bench.pipeline import (
    openings,
    publish,
    running,
    serving,
    temporary_portal,
    wait_until_concluded,
)
from bench.visitor import Listener, Visitor, sign_in

ACCOUNTS = 10
# A page is told four times a second in the long run, so clicks that are closer wait for that.
LEAST_REST_S, MOST_REST_S = 0.26, 0.34


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give median and 99th percentile, beside the least there is to do, and a reload."""
    runs, clicks = (2, 12) if quick else (3, 110)
    with temporary_portal(), running("run_consumer"), running("run_relay"), serving() as web:
        _furnish()
        publish(openings(ACCOUNTS))
        wait_until_concluded(ACCOUNTS)
        teller = Visitor(web.address, sign_in("teller"))
        auditor = sign_in("auditor")
        reader, listener = Visitor(web.address, auditor), Listener(web.address, auditor)
        with closing(_Floor()) as floor:
            measured = {
                "click": lambda: _click(teller, listener),
                "floor": floor.measure,
                "reload": lambda: _reload(reader),
            }
            in_turn(5, measured)
            found = [in_turn(clicks, measured) for _run in range(runs)]
        yield from _told(found)


def _told(found: list[dict[str, tuple[float, ...]]]) -> Iterator[Figure]:
    for name, of, target in (
        ("click to screen, median", statistics.median, at_most(25)),
        ("click to screen, 99 %", lambda values: percentile(values, 99), at_most(100)),
    ):
        samples = {each: tuple(of(run[each]) for run in found) for each in found[0]}
        yield Figure(
            name=name,
            unit="ms",
            samples=samples["click"],
            target=target,
            beside=(
                Beside(
                    name="two commits and an acknowledged message",
                    kind="limit",
                    samples=samples["floor"],
                ),
                Beside(
                    name="a reload of the dashboard, were it at once",
                    kind="rival",
                    samples=samples["reload"],
                ),
            ),
        )


def _furnish() -> None:
    from accounts.models import Account, Agent, Branch, Role

    branch = Branch.objects.create(code="bench", name="Bench")
    Agent.objects.create_user("teller", role=Role.TELLER, branch=branch)
    Agent.objects.create_user("auditor", role=Role.AUDITOR)
    Account.objects.bulk_create(Account(number=f"B{n}", branch=branch) for n in range(ACCOUNTS))


def _click(teller: Visitor, listener: Listener) -> float:
    from accounts.identifiers import new_transaction_id

    time.sleep(random.uniform(LEAST_REST_S, MOST_REST_S))  # noqa: S311 - nothing secret
    identifier = new_transaction_id()
    account = f"B{random.randrange(ACCOUNTS)}"  # noqa: S311
    sent = time.perf_counter()
    teller.deposit(identifier, account, 100)
    return (listener.wait_for(identifier) - sent) * 1_000


def _reload(reader: Visitor) -> float:
    began = time.perf_counter()
    reader.get("/dashboard/")
    return (time.perf_counter() - began) * 1_000


class _Floor:
    """What cannot be left out: what was asked is kept, then in the log, then posted."""

    def __init__(self) -> None:
        from django.conf import settings

        from streaming.endpoint import required_endpoint
        from streaming.kafka.producer import Producer

        self._topic = settings.KAFKA_DEAD_LETTER_TOPIC
        self._producer = Producer(required_endpoint())
        path = Path(settings.DATA_DIR) / "floor.sqlite3"
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, value BLOB)")

    def measure(self) -> float:
        """Commit a row, have a message acknowledged, commit a row."""
        began = time.perf_counter()
        self._commit()
        acknowledged: list[object] = []
        # To the other topic, which is as durable, and which nobody posts.
        self._producer.publish(self._topic, b"B0", b"x" * 300, acknowledged.append)
        while not acknowledged:
            self._producer.poll(1)
        self._commit()
        return (time.perf_counter() - began) * 1_000

    def close(self) -> None:
        self._producer.close()
        self._database.close()

    def _commit(self) -> None:
        self._database.execute("INSERT INTO entry (value) VALUES (?)", (b"x" * 300,))
