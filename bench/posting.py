"""Posted per second through a real Kafka, beside the bare insertion of the same rows.

`make bench` runs it; `COUNT` and `ACCOUNTS` in the environment change its size.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.pipeline import running, temporary_portal

COUNT = int(os.environ.get("COUNT", "200000"))
ACCOUNTS = int(os.environ.get("ACCOUNTS", "10000"))


def main() -> None:
    """Print the figures."""
    with temporary_portal():
        published_s = publish()
        with running("run_consumer"):
            posted_s = time_until_concluded(COUNT)
        bare_s = insert_bare()
    print(f"{'published':>24} {COUNT / published_s:12,.0f} /s")
    print(f"{'posted':>24} {COUNT / posted_s:12,.0f} /s")
    print(f"{'same rows, bare insert':>24} {COUNT / bare_s:12,.0f} /s")
    print(f"{'posted of bare':>24} {bare_s / posted_s:12.2f}")


def publish() -> float:
    """Publish the openings and movements; give the seconds it took."""
    from django.conf import settings

    from streaming.endpoint import current_endpoint
    from streaming.kafka.producer import Producer

    endpoint = current_endpoint()
    if endpoint is None:
        raise SystemExit("The broker has gone.")
    producer = Producer(endpoint, **{"linger.ms": 5})
    started = time.perf_counter()
    for number, (key, value) in enumerate(messages()):
        producer.publish(settings.KAFKA_TOPIC, key, value, lambda _result: None)
        if number % 1_000 == 0:
            producer.poll()
    if producer.flush(120):
        raise SystemExit("The broker did not take all messages.")
    return time.perf_counter() - started


def messages() -> Iterator[tuple[bytes, bytes]]:
    """Give the keys and values: first each account's opening, then movements in turn."""
    from accounts.events import AccountOpened, Deposit, Withdrawal, encode
    from accounts.identifiers import new_transaction_id

    now = datetime.now(UTC)
    common: dict[str, Any] = {
        "version": 1,
        "currency": "EUR",
        "business_date": now.date(),
        "submitted_at": now,
        "submitted_by": "bench",
        "source": "bench",
    }
    for n in range(ACCOUNTS):
        yield encode(
            AccountOpened(
                **common,
                transaction_id=new_transaction_id(),
                account=f"B{n}",
                opening_balance_minor=100_000,
                least_balance_minor=0,
            )
        )
    for n in range(COUNT - ACCOUNTS):
        kind = Withdrawal if n % 3 == 0 else Deposit
        yield encode(
            kind(
                **common,
                transaction_id=new_transaction_id(),
                account=f"B{n % ACCOUNTS}",
                amount_minor=100 + n % 900,
            )
        )


def time_until_concluded(count: int) -> float:
    """Give the seconds from the first concluded message to the last."""
    started = None
    while True:
        done = concluded()
        if done and started is None:
            started, first = time.perf_counter(), done
        if done >= count and started is not None:
            return (time.perf_counter() - started) * count / max(1, count - first)
        time.sleep(0.01)


def concluded() -> int:
    """Give the number of messages concluded so far."""
    from django.db.models import Sum

    from accounts.models import LogPosition

    return LogPosition.objects.aggregate(Sum("next_offset"))["next_offset__sum"] or 0


def insert_bare() -> float:
    """Insert the finished rows into a table of the same shape, 2,000 a transaction."""
    from django.conf import settings

    path = settings.DATABASES["default"]["NAME"]
    source = sqlite3.connect(path)
    schema = source.execute("SELECT sql FROM sqlite_schema WHERE tbl_name = 'accounts_entry'")
    statements = [row[0] for row in schema if row[0]]
    rows = source.execute("SELECT * FROM accounts_entry ORDER BY id").fetchall()
    source.close()
    target = sqlite3.connect(f"{path}.bare", isolation_level=None)
    target.execute("PRAGMA journal_mode=WAL")
    target.execute("PRAGMA synchronous=FULL")
    for statement in statements:
        target.execute(statement)
    insert = f"INSERT INTO accounts_entry VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608
    started = time.perf_counter()
    for start in range(0, len(rows), 2_000):
        target.execute("BEGIN IMMEDIATE")
        target.executemany(insert, rows[start : start + 2_000])
        target.execute("COMMIT")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
