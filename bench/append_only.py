"""What the append-only triggers cost: posting with and without them, in turn, without Kafka."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bench.figure import Beside, Figure, in_turn
from bench.pipeline import temporary_folder

BATCHES, BATCH_SIZE, ACCOUNTS = 5, 2_000, 10_000


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give the rate with the triggers, beside that without."""
    with temporary_folder():
        found = measure(4 if quick else 12)
    yield Figure(
        name="posted without Kafka, with the triggers",
        unit="rows/s",
        samples=found["with"],
        beside=(Beside(name="without them", kind="limit", samples=found["without"]),),
    )


def measure(rounds: int) -> dict[str, tuple[float, ...]]:
    """Post rounds with and without triggers in turn, and give the rates of each."""
    from django.db import connection

    from accounts.ledger.append_only import drop_triggers, set_triggers

    post = _poster()
    post(opening=True)

    def rate(prepare: Any) -> float:
        with connection.schema_editor() as editor:
            prepare(None, editor)
        return float(post())

    return in_turn(
        rounds, {"with": lambda: rate(set_triggers), "without": lambda: rate(drop_triggers)}
    )


def _poster() -> Any:
    from accounts.events import AccountOpened, Deposit, encode
    from accounts.identifiers import new_transaction_id
    from accounts.ledger.conclusions import understand
    from accounts.ledger.identity import recognise_log
    from accounts.ledger.messages import Delivered, LogIdentity
    from accounts.ledger.posting import post_batch

    identity = LogIdentity("bench", "submissions", "bench", 1)
    log, now, offset = recognise_log(identity), datetime.now(UTC), 0
    common: dict[str, Any] = {
        "version": 1,
        "currency": "EUR",
        "business_date": now.date(),
        "submitted_at": now,
        "submitted_by": "bench",
        "source": "bench",
    }

    def event(number: int, opening: bool) -> Any:
        named = common | {
            "transaction_id": new_transaction_id(),
            "account": f"B{number % ACCOUNTS}",
        }
        if opening:
            return AccountOpened(**named, opening_balance_minor=0, least_balance_minor=0)
        return Deposit(**named, amount_minor=1 + number % 100)

    def post(*, opening: bool = False) -> float:
        nonlocal offset
        batches = []
        for _batch in range(BATCHES):
            numbers = range(offset, offset + BATCH_SIZE)
            batches.append([Delivered(0, n, 1_000, *encode(event(n, opening)), 0) for n in numbers])
            offset += BATCH_SIZE
        started = time.perf_counter()
        for batch in batches:
            post_batch(
                [understand(each) for each in batch],
                log_id=log.pk,
                identity=identity,
                expected={0: batch[0].offset},
            )
        return BATCHES * BATCH_SIZE / (time.perf_counter() - started)

    return post
