"""What the append-only triggers cost: posted per second with and without them, in turn.

Without Kafka, so that nothing else decides. `ROUNDS` in the environment changes its size.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

ROUNDS = int(os.environ.get("ROUNDS", "12"))
BATCHES, BATCH_SIZE, ACCOUNTS = 5, 2_000, 10_000


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="bankportal-bench-") as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "bankportal.settings"}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        import django

        django.setup()
        rates = measure()
    ratios = [guarded / bare for guarded, bare in zip(rates[True], rates[False], strict=True)]
    print(f"{'with triggers':>24} {statistics.median(rates[True]):12,.0f} /s")
    print(f"{'without':>24} {statistics.median(rates[False]):12,.0f} /s")
    print(f"{'with of without':>24} {statistics.median(ratios):12.2f}")


def measure() -> dict[bool, list[float]]:
    """Post rounds with and without triggers in turn, and give the rates of each."""
    from django.db import connection

    from accounts.ledger.append_only import drop_triggers, set_triggers

    post = _poster()
    post(opening=True)
    rates: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        # The second of a pair finds the caches warmer, so they take turns.
        for guarded in (True, False) if number % 2 else (False, True):
            with connection.schema_editor() as editor:
                (set_triggers if guarded else drop_triggers)(None, editor)
            rates[guarded].append(post())
    return rates


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


if __name__ == "__main__":
    main()
