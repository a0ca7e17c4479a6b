"""One batch of messages, one database transaction."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.transaction import atomic

from accounts.ledger import sql
from accounts.ledger.conclusions import (
    AccountState,
    Books,
    Dead,
    Refused,
    Tally,
    Understood,
    conclude,
)
from accounts.ledger.dead_letters import add_dead_letters, buried_among
from accounts.ledger.messages import LogIdentity

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
    """What a batch came to."""

    posted: int
    rejected: int
    dead: int
    repeats: int
    following: dict[int, int]
    dead_letters: Sequence[Dead] = ()


def post_batch(
    messages: Sequence[Understood | Refused],
    *,
    log_id: int,
    identity: LogIdentity,
    expected: Mapping[int, int],
    review: Review | None = None,
) -> Outcomes:
    """Conclude each message once, in log order, and move the offsets with them.

    ``expected`` holds, for each partition in ``messages``, the offset that the caller believes
    to be the next one. Raises ``OffsetMoved`` where the database stands elsewhere; nothing is
    written then, and the caller must start again from the database's position. ``review`` is
    shown the messages and the dead letters among them before anything is written; what it
    raises is passed on, and nothing is written. May be repeated after any failure of the
    database: it writes all of the batch or nothing.
    """
    partitions = _last_offsets(messages)
    now_ms = time.time_ns() // 1_000_000
    with atomic(), connection.cursor() as cursor:
        sql.wait_for_other_writers(cursor)
        for partition, last in partitions.items():
            if not sql.move_position(cursor, log_id, partition, expected[partition], last + 1):
                raise OffsetMoved(partition, expected[partition])
        books = _books_for(cursor, messages, log_id, identity)
        before = {each.number: _copy(each) for each in books.accounts.values()}
        conclude(messages, books)
        if review is not None:
            review(messages, books.dead)
        _write(cursor, books, before, log_id, now_ms)
    return _outcomes(books)


def _last_offsets(messages: Sequence[Understood | Refused]) -> dict[int, int]:
    return {read.message.partition: read.message.offset for read in messages}


def _books_for(
    cursor: CursorWrapper,
    messages: Sequence[Understood | Refused],
    log_id: int,
    identity: LogIdentity,
) -> Books:
    events = [read.event for read in messages if isinstance(read, Understood)]
    links = sql.links_of(log_id, _last_offsets(messages))
    return Books(
        fingerprint=identity.fingerprint(),
        accounts=sql.states_of(cursor, list({event.account for event in events})),
        concluded=sql.outcomes_of(cursor, list({event.transaction_id for event in events})),
        partitions={number: Tally(next_offset=0, link=link) for number, link in links.items()},
        buried=buried_among(cursor, log_id, (read.message for read in messages)),
    )


def _copy(state: AccountState) -> tuple[int, int]:
    return state.posted_count, state.balance_minor


def _write(
    cursor: CursorWrapper,
    books: Books,
    before: Mapping[str, tuple[int, int]],
    log_id: int,
    now_ms: int,
) -> None:
    sql.open_accounts(cursor, books.opened, now_ms)
    moves = [
        (
            state.balance_minor,
            state.turnover_minor,
            state.posted_count,
            number,
            *before[number],
        )
        for number, state in books.accounts.items()
        if number in before and before[number][0] != state.posted_count
    ]
    if not sql.move_balances(cursor, moves):
        raise BalanceMoved("A balance changed while a batch was being posted; nothing is written.")
    sql.add_entries(cursor, log_id, books.entries, now_ms)
    add_dead_letters(cursor, log_id, books.dead, now_ms)
    sql.add_totals(cursor, books)
    for partition, tally in books.partitions.items():
        sql.record_progress(cursor, log_id, partition, tally)


def _outcomes(books: Books) -> Outcomes:
    tallies = books.partitions.values()
    return Outcomes(
        posted=sum(each.posted for each in tallies),
        rejected=sum(each.rejected for each in tallies),
        dead=sum(each.dead for each in tallies),
        repeats=sum(each.repeats for each in tallies),
        following={number: each.next_offset for number, each in books.partitions.items()},
        dead_letters=books.dead,
    )
