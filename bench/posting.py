"""How fast a real topic is posted into the full ledger, beside the least work there is, and rivals.

The limit is the insertion of the same finished rows, into a copy of the same file, with the same
driver, settings and mean size of transaction, and nothing else: no reading, deciding, hashing,
balances, totals or offsets. The rivals decode the same messages: one as the scripts of today do, a
row and a commit at a time, in both journal modes; one by ``bulk_create``, without balances.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from bench.figure import Beside, Figure, at_least, at_most, in_turn
from bench.pipeline import (
    concluded,
    deposits,
    openings,
    publish,
    running,
    temporary_portal,
    wait_until,
    wait_until_concluded,
)

ACCOUNTS = 10_000
AT_ONCE = 2_000
PATIENCE_S = 900
# What is published at once before the memory is looked at, and how many looks are a figure.
_BLOCK, _LOOKS = 200_000, 3


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give rates at a small ledger and at a large one, and what the large one took of memory."""
    # A block takes some seconds, so that how a consumer begins is a small part of it.
    # The middle one of the rounds begins at 0.2 million rows and ends at 0.4.
    small, rounds, block = (60_000, 2, 40_000) if quick else (ACCOUNTS, 3, 200_000)
    with temporary_portal():
        publish(openings(ACCOUNTS))
        _grow_to(small)
        yield from _rates(rounds, block, at_least_a_second=60_000, of_limit=0.45, with_rivals=True)
        if not quick:
            yield from _memory(1_000_000, 5_000_000)
            yield from _rates(rounds, block, at_least_a_second=30_000, of_limit=0.6)


def _rates(
    rounds: int, block: int, *, at_least_a_second: int, of_limit: float, with_rivals: bool = False
) -> Iterator[Figure]:
    """Give the rate of posting at the ledger's size of now."""
    size = concluded() + rounds * block // 2
    copy = _Copy()
    measured: dict[str, Callable[[], float]] = {
        "posted": partial(_posted, block),
        "bare": copy.insert_what_is_new,
    }
    if with_rivals:
        measured |= {
            "today": partial(_todays_way, 1_000, "DELETE"),
            "today, WAL": partial(_todays_way, 5_000, "WAL"),
            "bulk_create": partial(_bulk_created, 10_000),
        }
    samples = _with_the_copy_last(rounds, measured)
    copy.remove()
    named = (
        ("today", "today's way: one commit a row", 40),
        ("today, WAL", "today's way, in WAL mode", 10),
        ("bulk_create", "decoded and bulk_create, no balances", None),
    )
    yield Figure(
        name=f"posted at {size / 1e6:.1f} million rows",
        unit="rows/s",
        samples=samples["posted"],
        target=at_least(at_least_a_second),
        beside=(
            Beside(
                name="the finished rows alone, same driver",
                kind="limit",
                samples=samples["bare"],
                target=at_least(of_limit),
            ),
            *(
                Beside(
                    name=name,
                    kind="rival",
                    samples=samples[key],
                    target=None if times is None else at_least(times),
                )
                for key, name, times in named
                if key in samples
            ),
        ),
    )


def _with_the_copy_last(
    rounds: int, measured: dict[str, Callable[[], float]]
) -> dict[str, tuple[float, ...]]:
    """Measure each once a round. The copy takes what was posted just before, so it comes second."""
    first = {name: measured[name] for name in ("posted", "bare")}
    others = {name: each for name, each in measured.items() if name not in first}
    samples: dict[str, tuple[float, ...]] = dict.fromkeys(measured, ())
    for _ in range(rounds):
        for part in (first, others):
            for name, found in in_turn(1, part).items():
                samples[name] += found
    return samples


def _posted(count: int) -> float:
    """Publish, and give the rate at which a consumer that has just begun posts it."""
    done = concluded()
    publish(deposits(count, ACCOUNTS))
    with running("run_consumer"):
        wait_until(lambda: concluded() > done, "it posts")
        began, first = time.perf_counter(), concluded()
        wait_until_concluded(done + count, PATIENCE_S)
        return (done + count - first) / (time.perf_counter() - began)


def _grow_to(rows: int) -> None:
    publish(deposits(rows - ACCOUNTS, ACCOUNTS))
    with running("run_consumer"):
        wait_until_concluded(rows, PATIENCE_S)


def _memory(first: int, rows: int) -> Iterator[Figure]:
    """Post until the ledger has so many rows; give the memory of all the consumer's processes.

    It goes up and down with what Kafka has sent ahead, so each is looked at several times: at the
    ends of the blocks before it. What a consumer keeps has come together by its first million.
    """
    found: list[float] = []
    with running("run_consumer") as consumer:
        process = psutil.Process(consumer.pid)
        while (done := concluded()) < rows:
            block = min(_BLOCK, rows - done)
            publish(deposits(block, ACCOUNTS))
            wait_until_concluded(done + block, PATIENCE_S)
            found.append(_memory_mb(process))
    early = first // _BLOCK
    yield Figure(
        name=f"memory of the consumer at {rows / 1e6:.0f} million rows",
        unit="MB",
        samples=tuple(found[-_LOOKS:]),
        beside=(
            Beside(
                name=f"after the first {first / 1e6:.0f} million that it posted",
                kind="limit",
                samples=tuple(found[early - _LOOKS : early]),
                target=at_most(1.1),
            ),
        ),
    )


def _memory_mb(process: psutil.Process) -> float:
    """Give the memory of its own that a process has, with what it has started."""
    everybody = [process, *process.children(recursive=True)]
    return sum(each.memory_full_info().uss for each in everybody) / 1e6


class _Copy:
    """A copy of the ledger's file, which takes the finished rows and nothing else."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.db import connection

        connection.close()
        self._source = Path(settings.DATABASES["default"]["NAME"])
        self._path = self._source.with_name("bare.sqlite3")
        with sqlite3.connect(self._source) as whole:
            whole.execute("VACUUM INTO ?", [str(self._path)])
        whole.close()
        self._last = self._newest()
        pragmas = settings.DATABASES["default"]["OPTIONS"]["init_command"]
        self._pragmas = [each for each in pragmas.split(";") if each]

    def insert_what_is_new(self) -> float:
        """Insert the rows that the ledger has gained since last time; give the rate."""
        import apsw

        with sqlite3.connect(self._source) as source:
            rows = source.execute(
                "SELECT * FROM accounts_entry WHERE id > ? ORDER BY id", [self._last]
            ).fetchall()
            # Of one batch all rows have the same.
            moments = "SELECT count(DISTINCT posted_at_ms) FROM accounts_entry WHERE id > ?"
            ((batches,),) = source.execute(moments, [self._last]).fetchall()
        source.close()
        self._last = self._newest()
        statement = f"INSERT INTO accounts_entry VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608
        target = apsw.Connection(str(self._path))
        for pragma in ("PRAGMA foreign_keys=ON", *self._pragmas):
            target.execute(pragma)
        at_once = max(1, len(rows) // batches)
        began = time.perf_counter()
        for start in range(0, len(rows), at_once):
            target.execute("BEGIN IMMEDIATE")
            target.executemany(statement, rows[start : start + at_once])
            target.execute("COMMIT")
        seconds = time.perf_counter() - began
        target.close()
        return len(rows) / seconds

    def remove(self) -> None:
        """Delete the copy."""
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    def _newest(self) -> int:
        from accounts.models import Entry

        return Entry.objects.latest("id").pk


def _todays_way(count: int, journal: str) -> float:
    """Decode, insert and commit one row after the other, as the consumer script of today does."""
    path = Path(os.environ["DATA_DIR"]) / f"today-{journal}.sqlite3"
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute(
        "CREATE TABLE IF NOT EXISTS transactions (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "date TEXT, account TEXT, kind TEXT, amount REAL)"
    )
    values = _values(count)
    began = time.perf_counter()
    for value in values:
        event = json.loads(value)
        database.execute(
            "INSERT INTO transactions (date, account, kind, amount) VALUES (?, ?, ?, ?)",
            (event["business_date"], event["account"], event["kind"], event["amount_minor"] / 100),
        )
        database.commit()
    seconds = time.perf_counter() - began
    database.close()
    return count / seconds


def _bulk_created(count: int) -> float:
    """Decode and append with Django, which knows neither balances nor totals nor offsets."""
    from accounts.events import decode
    from accounts.ledger.messages import digest_of
    from accounts.models import Entry, Kind, Log, Outcome

    log = Log.objects.get(is_current=True)
    messages = [(json.loads(value)["account"].encode(), value) for value in _values(count)]
    began = time.perf_counter()
    for start in range(0, count, AT_ONCE):
        entries = []
        for number, (key, value) in enumerate(messages[start : start + AT_ONCE], start):
            event: Any = decode(key, value)
            digest = digest_of(key, value)
            entries.append(
                Entry(
                    transaction_id=event.transaction_id,
                    account_id=event.account,
                    kind_id=Kind.DEPOSIT,
                    outcome=Outcome.POSTED,
                    amount_minor=event.amount_minor,
                    currency=event.currency,
                    balance_minor=event.amount_minor,
                    business_date=event.business_date,
                    source=event.source,
                    submitted_by=event.submitted_by,
                    submitted_at_ms=0,
                    logged_at_ms=0,
                    posted_at_ms=0,
                    log=log,
                    partition=0,
                    offset=number,
                    digest=digest,
                    link=digest,
                )
            )
        Entry.objects.bulk_create(entries)
    return count / (time.perf_counter() - began)


def _values(count: int) -> list[bytes]:
    from accounts.events import encode

    return [encode(event)[1] for event in deposits(count, ACCOUNTS)]
