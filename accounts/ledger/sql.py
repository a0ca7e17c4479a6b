"""The SQL of posting, for SQLite and PostgreSQL. Called inside the transaction of one batch.

Each function works on the ledger that everybody reads, unless told other ``tables``.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.ledger import statements
from accounts.ledger.conclusions import AccountState, Books, Concluded, Tally
from accounts.ledger.tables import LIVE, LedgerTables
from accounts.models.fields import instant, milliseconds_at

# The advisory lock that makes posting on PostgreSQL one writer at a time, as SQLite is by
# nature: the ids of the ledger then appear in their own order, and a reader misses none.
POSTING_LOCK = 0x62616E6B

# SQLite takes 32,766 parameters a statement.
_PARAMETERS = 20_000

# The pause of a batch between two statements, and all of it with its turn. The first is not
# asked after what psycopg has sent in a pipeline, and older versions have no other.
_LONGEST = (
    "SET LOCAL idle_in_transaction_session_timeout = '10s';",
    "SET LOCAL transaction_timeout = '20s';",
)
_WITH_TRANSACTION_TIMEOUT: Final = (17,)


class Step(NamedTuple):
    """A statement for each of ``rows``, and how many rows of its table all of them must change."""

    statement: str
    rows: Sequence[tuple[Any, ...]]
    must_change: int | None = None


def end_if_standing_still(cursor: CursorWrapper) -> None:
    """Have PostgreSQL end the session of a batch that stands still or takes far too long.

    So one that is frozen with its locks cannot hold up all others; on SQLite the supervisor ends
    it. Where the batch is a part of a larger transaction, that one is not bounded.
    """
    if connection.vendor == "postgresql" and not connection.savepoint_ids:
        is_new = connection.get_database_version() >= _WITH_TRANSACTION_TIMEOUT
        cursor.execute("".join(_LONGEST if is_new else _LONGEST[:1]))


def wait_for_other_writers(cursor: CursorWrapper) -> None:
    """Hold back until no other batch is being written. SQLite's BEGIN IMMEDIATE has done so."""
    if connection.vendor == "postgresql":
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POSTING_LOCK])


def is_followed(cursor: CursorWrapper, log_id: int) -> bool:
    """Tell whether the ledger follows that log."""
    cursor.execute(statements.IS_FOLLOWED, [log_id])
    return cursor.fetchone() is not None


def move_position(  # noqa: PLR0913, PLR0917 a place, and from where to where
    cursor: CursorWrapper,
    log_id: int,
    partition: int,
    expected: int,
    following: int,
    tables: LedgerTables = LIVE,
) -> bool:
    """Move a partition's next offset from ``expected``; False where it stands elsewhere."""
    cursor.execute(tables.sql(statements.MOVE_POSITION), [following, log_id, partition, expected])
    return int(cursor.rowcount) == 1


def links_of(
    cursor: CursorWrapper, log_id: int, partitions: Container[int], tables: LedgerTables = LIVE
) -> dict[int, bytes]:
    """Give the last link of each of the chains of ``partitions``."""
    cursor.execute(tables.sql(statements.LINKS), [log_id])
    return {number: bytes(link) for number, link in cursor.fetchall() if number in partitions}


def outcomes_of(
    cursor: CursorWrapper, identifiers: Sequence[UUID], tables: LedgerTables = LIVE
) -> dict[UUID, bytes]:
    """Give the digest of each of ``identifiers`` that has an outcome already."""
    stored = identifier_of()
    keys = [stored(each) for each in identifiers]
    rows = _rows_among(cursor, tables.sql(statements.OUTCOMES), keys)
    return {_from_row(identifier): bytes(digest) for identifier, digest in rows}


def states_of(
    cursor: CursorWrapper, numbers: Sequence[str], tables: LedgerTables = LIVE
) -> dict[str, AccountState]:
    """Give each of the accounts ``numbers`` that is open, as it stands."""
    rows = _rows_among(cursor, tables.sql(statements.STATES), numbers)
    return {row[0]: AccountState(*row) for row in rows}


def _rows_among(
    cursor: CursorWrapper, statement: str, keys: Sequence[Any]
) -> Iterator[tuple[Any, ...]]:
    """Give the rows of ``statement``, which ends before the keys that a column is to be among."""
    if connection.vendor == "postgresql":
        cursor.execute(f"{statement} = ANY(%s)", [list(keys)])
        yield from cursor.fetchall()
        return
    for start in range(0, len(keys), _PARAMETERS):
        part = keys[start : start + _PARAMETERS]
        cursor.execute(f"{statement} IN ({', '.join(['%s'] * len(part))})", part)
        yield from cursor.fetchall()


def add_entries(
    cursor: CursorWrapper,
    log_id: int,
    entries: Sequence[Concluded],
    posted_at_ms: int,
    tables: LedgerTables = LIVE,
) -> None:
    """Append ``entries`` in their order."""
    _take(cursor, adding_entries(log_id, entries, posted_at_ms), tables)


def adding_entries(log_id: int, entries: Iterable[Concluded], posted_at_ms: int) -> Step:
    """Give the step that appends ``entries`` in their order."""
    stored = identifier_of()
    rows = [_entry_row(each, stored, log_id, posted_at_ms) for each in entries]
    return Step(statements.ADD_ENTRY, rows, len(rows))


def open_accounts(
    cursor: CursorWrapper,
    opened: Sequence[AccountState],
    concluded_at_ms: int,
    tables: LedgerTables = LIVE,
) -> None:
    """Add the balances of newly ``opened`` accounts; live ones that nobody filed are filed."""
    filing, opening = opening_accounts(opened, concluded_at_ms)
    if tables.are_live:
        _take(cursor, filing, tables)
    _take(cursor, opening, tables)


def opening_accounts(opened: Sequence[AccountState], concluded_at_ms: int) -> tuple[Step, Step]:
    """Give the steps that file the accounts which nobody has filed, and open their balances."""
    now = instant(concluded_at_ms).isoformat(" ")
    balances = [
        (
            each.number,
            each.currency,
            each.balance_minor,
            each.least_balance_minor,
            each.status,
            each.posted_count,
            each.turnover_minor,
        )
        for each in opened
    ]
    return (
        Step(statements.FILE_ACCOUNT, [(each.number, now) for each in opened]),
        Step(statements.OPEN_BALANCE, balances, len(balances)),
    )


def move_balances(
    cursor: CursorWrapper,
    before: Mapping[str, tuple[int, int]],
    after: Mapping[str, AccountState],
    tables: LedgerTables = LIVE,
) -> bool:
    """Write the balances of ``after`` that moved; False where one is not what it was before."""
    return _take(cursor, moving_balances(before, after), tables)


def moving_balances(
    before: Mapping[str, tuple[int, int]],
    after: Mapping[str, AccountState],
    *,
    guards_all: bool = False,
) -> Step:
    """Give the step that writes what moved; ``before`` holds counts and balances as they were.

    With ``guards_all`` it writes what did not move too, as it was: so that it is seen whether it
    still is.
    """
    moves = [
        (
            state.balance_minor,
            state.turnover_minor,
            state.posted_count,
            number,
            count,
            balance_minor,
        )
        for number, (count, balance_minor) in before.items()
        if count != (state := after[number]).posted_count or guards_all
    ]
    return Step(statements.MOVE_BALANCE, moves, len(moves))


def finding_unopened(numbers: Iterable[str]) -> Step:
    """Give the step that changes a row where one of the accounts ``numbers`` is open."""
    return Step(statements.TOUCH_BALANCE, [(number,) for number in numbers], 0)


def add_totals(cursor: CursorWrapper, books: Books, tables: LedgerTables = LIVE) -> None:
    """Add what the batch posted to the daily totals."""
    _take(cursor, adding_totals(books), tables)


def adding_totals(books: Books) -> Step:
    """Give the step that adds what ``books`` posted to the daily totals."""
    rows = [
        (account, day.isoformat(), kind, count, amount_minor)
        for (account, day, kind), (count, amount_minor) in books.totals.items()
    ]
    return Step(statements.ADD_TOTAL, rows)


def moving_on(log_id: int, begun: Mapping[int, tuple[int, bytes]], books: Books) -> Step:
    """Give the step that moves each partition from where it was ``begun``: offset and link.

    It changes nothing where the ledger follows another log by now.
    """
    rows = [
        (
            tally.next_offset,
            *_progress(tally),
            log_id,
            partition,
            *begun[partition],
        )
        for partition, tally in books.partitions.items()
    ]
    return Step(statements.MOVE_ON, rows, len(rows))


def record_progress(
    cursor: CursorWrapper,
    log_id: int,
    partition: int,
    tally: Tally,
    tables: LedgerTables = LIVE,
) -> None:
    """Write the chain's new end and what became of the batch's messages."""
    cursor.execute(
        tables.sql(statements.RECORD_PROGRESS),
        [*_progress(tally), log_id, partition, tally.next_offset],
    )


def _progress(tally: Tally) -> tuple[Any, ...]:
    return (
        tally.leader_epoch,
        tally.next_offset - 1,
        tally.last_digest,
        tally.link,
        tally.transactions,
        tally.posted,
        tally.rejected,
        tally.dead,
        tally.repeats,
    )


def _take(cursor: CursorWrapper, step: Step, tables: LedgerTables) -> bool:
    """Take ``step``; say whether it changed as many rows as it must."""
    if not step.rows:
        return True
    if connection.vendor == "postgresql":
        _take_at_once(cursor, step, tables)
    else:
        cursor.executemany(tables.sql(step.statement), step.rows)
    return step.must_change in {None, int(cursor.rowcount)}


def _take_at_once(cursor: CursorWrapper, step: Step, tables: LedgerTables) -> None:
    statement = tables.sql(statements.AT_ONCE[step.statement])
    if step.statement == statements.ADD_ENTRY:
        # Django wraps what a cursor executes, and not what it copies.
        with connection.wrap_database_errors, cursor.copy(statement) as copy:
            for row in step.rows:
                copy.write_row(row)
    else:
        cursor.execute(statement, [list(column) for column in zip(*step.rows, strict=True)])


def _entry_row(
    each: Concluded, stored: Callable[[UUID], Any], log_id: int, posted_at_ms: int
) -> tuple[Any, ...]:
    event, message = each.event, each.message
    return (
        stored(event.transaction_id),
        event.account,
        each.kind,
        each.outcome,
        each.reason,
        each.amount_minor,
        event.currency,
        each.balance_minor,
        event.business_date.isoformat(),
        event.reference,
        event.source,
        event.submitted_by,
        milliseconds_at(event.submitted_at),
        message.logged_at_ms,
        posted_at_ms,
        log_id,
        message.partition,
        message.offset,
        each.digest,
        each.link,
    )


def identifier_of() -> Callable[[UUID], bytes | UUID]:
    """Give how this database takes an id: once a batch, since asking costs as much as a row."""
    return _as_it_is if connection.vendor == "postgresql" else attrgetter("bytes")


def _as_it_is(identifier: UUID) -> UUID:
    return identifier


def _from_row(stored: bytes | UUID) -> UUID:
    return stored if isinstance(stored, UUID) else UUID(bytes=bytes(stored))
