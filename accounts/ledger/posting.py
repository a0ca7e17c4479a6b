"""One batch of messages, one database transaction."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.db.transaction import atomic

from accounts.ledger import sql
from accounts.ledger.conclusions import (
    AccountState,
    Books,
    Concluded,
    Dead,
    Refused,
    Tally,
    Understood,
    conclude,
)
from accounts.ledger.dead_letters import add_dead_letters, buried_among
from accounts.ledger.identity import LogReplaced
from accounts.ledger.messages import LogIdentity
from accounts.ledger.precedence import Batches
from accounts.ledger.tables import LIVE, LedgerTables
from accounts.models.log import LogPosition

Review = Callable[[Sequence[Understood | Refused], Sequence[Dead]], None]


class OffsetMoved(Exception):
    """Another consumer has concluded messages of this partition since we read our position."""

    def __init__(self, partition: int, expected: int) -> None:
        super().__init__(f"Partition {partition} no longer stands at offset {expected}.")
        self.partition = partition


class BalanceMoved(Exception):
    """A balance changed within our transaction: something other than posting writes balances."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a batch came to, and when.

    ``waited_s`` and ``held_s`` are how long it waited for the write lock and held it, and
    ``was_waited_for`` whether an agent waited for that in turn, as far as is known.
    """

    posted: int
    rejected: int
    dead: int
    repeats: int
    following: dict[int, int]
    dead_letters: Sequence[Dead] = ()
    entries: Sequence[Concluded] = ()
    posted_at_ms: int = 0
    waited_s: float = 0.0
    held_s: float = 0.0
    was_waited_for: bool = False


def post_batch(  # noqa: PLR0913 each is said by name
    messages: Sequence[Understood | Refused],
    *,
    log_id: int,
    identity: LogIdentity,
    expected: Mapping[int, int],
    review: Review | None = None,
    tables: LedgerTables = LIVE,
) -> Outcomes:
    """Conclude each message once, in log order, and move the offsets with them.

    ``expected`` holds, for each partition in ``messages``, the offset that the caller believes
    to be the next one. Raises ``OffsetMoved`` where the database stands elsewhere; nothing is
    written then, and the caller must start again from the database's position. Raises
    ``LogReplaced`` where the ledger follows another log by now. ``review`` is shown the
    messages and the dead letters among them before anything is written; what it raises is
    passed on, and nothing is written. May be repeated after any failure of the database: it
    writes all of the batch or nothing. Where ``tables`` are those of a rebuild, nothing is
    written beside them: no account filed, no copy queued.
    """
    partitions = _last_offsets(messages)
    began = time.perf_counter()
    with _in_turn(tables) as batches, atomic(), connection.cursor() as cursor:
        if tables.are_live:
            sql.end_if_standing_still(cursor)
            sql.wait_for_other_writers(cursor)
        # What waited for the lock was not posted yet.
        has_lock, now_ms = time.perf_counter(), time.time_ns() // 1_000_000
        if tables.are_live:
            _refuse_replaced(cursor, log_id)
        for partition, last in partitions.items():
            at = expected[partition]
            if not sql.move_position(cursor, log_id, partition, at, last + 1, tables):
                raise OffsetMoved(partition, at)
        books = _books_for(cursor, messages, log_id, identity, tables)
        before = {each.number: _copy(each) for each in books.accounts.values()}
        conclude(messages, books)
        if review is not None:
            review(messages, books.dead)
        _write(cursor, books, before, log_id, now_ms, tables)
    held_s = time.perf_counter() - has_lock
    return replace(
        outcomes_of_books(books, posted_at_ms=now_ms),
        waited_s=has_lock - began,
        held_s=held_s,
        was_waited_for=batches is not None and batches.are_waited_for,
    )


@contextmanager
def _in_turn(tables: LedgerTables) -> Iterator[Batches | None]:
    """Let small writes go first, where SQLite would let them wait for one batch after the other."""
    path = str(connection.settings_dict["NAME"])
    has_turns = connection.vendor == "sqlite" and tables.are_live and Path(path).is_file()
    batches = None
    if has_turns and not connection.in_atomic_block:
        with suppress(OSError):
            batches = _batches(path, os.getpid())
    if batches is None:
        yield None
        return
    with batches.next():
        yield batches


@cache
def _batches(path: str, _process: int) -> Batches:
    return Batches(path)


def _refuse_replaced(cursor: CursorWrapper, log_id: int) -> None:
    if not sql.is_followed(cursor, log_id):
        raise LogReplaced("The ledger follows another log now.")


def count_refused_batches(log_id: int, partition: int, count: int) -> None:
    """Count batches that were refused with ``OffsetMoved``, in a transaction of its own."""
    position = LogPosition.objects.filter(log_id=log_id, partition=partition)
    position.update(refused_batches=F("refused_batches") + count)


def _last_offsets(messages: Sequence[Understood | Refused]) -> dict[int, int]:
    return {read.message.partition: read.message.offset for read in messages}


def _books_for(
    cursor: CursorWrapper,
    messages: Sequence[Understood | Refused],
    log_id: int,
    identity: LogIdentity,
    tables: LedgerTables,
) -> Books:
    events = [read.event for read in messages if isinstance(read, Understood)]
    links = sql.links_of(cursor, log_id, _last_offsets(messages), tables)
    identifiers = {event.transaction_id for event in events}
    return Books(
        fingerprint=identity.fingerprint(),
        accounts=sql.states_of(cursor, list({event.account for event in events}), tables),
        concluded=sql.outcomes_of(cursor, list(identifiers), tables),
        partitions={number: Tally(next_offset=0, link=link) for number, link in links.items()},
        buried=buried_among(cursor, log_id, (read.message for read in messages), tables),
    )


def _copy(state: AccountState) -> tuple[int, int]:
    return state.posted_count, state.balance_minor


def _write(  # noqa: PLR0913, PLR0917 all of one batch
    cursor: CursorWrapper,
    books: Books,
    before: Mapping[str, tuple[int, int]],
    log_id: int,
    now_ms: int,
    tables: LedgerTables,
) -> None:
    sql.open_accounts(cursor, books.opened, now_ms, tables)
    if not sql.move_balances(cursor, before, books.accounts, tables):
        raise BalanceMoved("A balance changed while a batch was being posted; nothing is written.")
    sql.add_entries(cursor, log_id, books.entries, now_ms, tables)
    add_dead_letters(cursor, log_id, books.dead, now_ms, tables)
    sql.add_totals(cursor, books, tables)
    for partition, tally in books.partitions.items():
        sql.record_progress(cursor, log_id, partition, tally, tables)


def outcomes_of_books(books: Books, *, posted_at_ms: int) -> Outcomes:
    """Give what the batch that ``books`` have taken in came to."""
    tallies = books.partitions.values()
    return Outcomes(
        posted=sum(each.posted for each in tallies),
        rejected=sum(each.rejected for each in tallies),
        dead=sum(each.dead for each in tallies),
        repeats=sum(each.repeats for each in tallies),
        following={number: each.next_offset for number, each in books.partitions.items()},
        dead_letters=books.dead,
        entries=books.entries,
        posted_at_ms=posted_at_ms,
    )
