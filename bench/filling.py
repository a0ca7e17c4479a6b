"""A ledger of any size for other benchmarks, posted without Kafka by the posting core itself."""

import gc
import itertools
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

PARTITIONS = 12
BATCH = 4_000
BRANCHES = 10
AGENTS = 100
DAYS = 548


def fill(rows: int, accounts: int) -> None:
    """File branches, agents and accounts, and post so many transactions over eighteen months.

    A few accounts have a great part of them, as in a bank. The same sizes give the same ledger.
    """
    from accounts.models import Account, Agent, Branch, Role

    branches = [
        Branch.objects.create(code=f"branch-{n}", name=f"Branch {n}") for n in range(BRANCHES)
    ]
    Agent.objects.bulk_create(
        Agent(username=f"teller{n}", role=Role.TELLER, branch=branches[n % BRANCHES], password="!")  # noqa: S106
        for n in range(AGENTS)
    )
    Account.objects.bulk_create(
        (
            Account(number=f"B{n}", holder=f"Holder {n}", branch=branches[n % BRANCHES])
            for n in range(accounts)
        ),
        batch_size=2_000,
    )
    # Rows hold no cycles; see ``streaming.consumer``.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    with without_indexes():
        post(events(rows, accounts))


@contextmanager
def without_indexes() -> Iterator[None]:
    """Leave out the indexes of the ledger that only reading needs, and make them again after it.

    Sorting all at once takes a fraction of what putting each row into its place does.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index'"
            " AND tbl_name = 'accounts_entry' AND sql NOT LIKE 'CREATE UNIQUE%%'"
        )
        found = cursor.fetchall()
        for name, _sql in found:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _name, sql in found:
            cursor.execute(sql)


def events(rows: int, accounts: int) -> Iterator[Any]:
    """Give openings and then ``rows`` movements, in order of time up to now."""
    from accounts.events import AccountOpened, Deposit, Withdrawal
    from accounts.identifiers import new_transaction_id

    dice = random.Random(7)  # noqa: S311 - nothing secret is made of it
    end = datetime.now(UTC)
    begin = end - timedelta(days=DAYS)
    step = (end - begin) / max(1, rows)
    common: dict[str, Any] = {"version": 1, "currency": "EUR", "source": "portal"}
    for n in range(accounts):
        yield AccountOpened(
            **common,
            transaction_id=new_transaction_id(),
            account=f"B{n}",
            business_date=begin.date(),
            submitted_at=begin,
            submitted_by="teller0",
            opening_balance_minor=50_000,
            least_balance_minor=-20_000 if n % 5 == 0 else 0,
        )
    for n in range(rows):
        # The square puts one account in a hundred among a tenth of all movements.
        place = int(accounts * dice.random() ** 2)
        kind = Withdrawal if dice.random() < 0.48 else Deposit
        moment = begin + step * (n + 1)
        yield kind(
            **common,
            transaction_id=new_transaction_id(),
            account=f"B{place}",
            amount_minor=100 + int(dice.random() ** 3 * 90_000),
            business_date=moment.date(),
            submitted_at=moment,
            submitted_by=f"teller{dice.randrange(AGENTS)}",
        )


def post_one() -> None:
    """Post one more deposit, as of now."""
    from accounts.events import Deposit
    from accounts.identifiers import new_transaction_id

    now = datetime.now(UTC)
    post(
        [
            Deposit(
                version=1,
                currency="EUR",
                source="portal",
                transaction_id=new_transaction_id(),
                account="B1",
                amount_minor=100,
                business_date=now.date(),
                submitted_at=now,
                submitted_by="teller1",
            )
        ]
    )


def post(planned: Iterable[Any]) -> None:
    """Post events in their order, each a moment after it was submitted, over all partitions."""
    from accounts.events import encode
    from accounts.ledger.conclusions import understand
    from accounts.ledger.identity import identity_of, recognise_log
    from accounts.ledger.messages import Delivered, LogIdentity
    from accounts.ledger.posting import post_batch
    from accounts.models import LogPosition

    log = recognise_log(LogIdentity("a bench", "submissions", "bench", PARTITIONS))
    positions = LogPosition.objects.filter(log=log).values_list("partition", "next_offset")
    following = dict(positions)
    for batch in in_batches(planned):
        expected = dict(following)
        messages = []
        for event in batch:
            partition = hash_of(event.account)
            logged_at_ms = int(event.submitted_at.timestamp() * 1000) + 12
            key, value = encode(event)
            offset = following[partition]
            messages.append(understand(Delivered(partition, offset, logged_at_ms, key, value, 0)))
            following[partition] += 1
        read = {message.message.partition for message in messages}
        expected = {number: expected[number] for number in read}
        # The posting is then as well, as if the portal had run all the time.
        with mock.patch("time.time_ns", lambda at_ms=logged_at_ms: (at_ms + 18) * 1_000_000):
            post_batch(messages, log_id=log.pk, identity=identity_of(log), expected=expected)


def hash_of(account: str) -> int:
    """Give the partition of an account."""
    return sum(account.encode()) % PARTITIONS


def in_batches(planned: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut a stream into lists of ``BATCH``."""
    stream = iter(planned)
    while batch := list(itertools.islice(stream, BATCH)):
        yield batch
