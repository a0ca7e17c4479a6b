"""The tables of one rebuild, from empty to dropped, or to being the ledger."""

import time
from collections.abc import Iterable
from types import ModuleType, SimpleNamespace

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.transaction import atomic

from accounts.ledger import sql
from accounts.ledger.append_only import set_triggers
from accounts.ledger.tables import scratch_tables
from accounts.models import Log, LogPosition
from accounts.models.fields import instant
from accounts.rebuild import on_postgresql, on_sqlite
from accounts.selectors.noted import PositionKey

_BEGIN = """
    INSERT INTO accounts_logposition (
        log_id, partition, first_offset, first_link, next_offset, leader_epoch, link,
        transactions, posted, rejected, dead, repeats, refused_batches
    ) VALUES (%s, %s, %s, %s, %s, -1, %s, 0, 0, 0, 0, 0, %s)
"""
_NEXT_OFFSETS = "SELECT log_id, partition, next_offset FROM accounts_logposition"
_LINKS = "SELECT partition, link FROM accounts_logposition WHERE log_id = %s"
_FILE_UNFILED = """
    INSERT INTO accounts_account (number, holder, branch_id, created_at)
    SELECT account, '', NULL, %s FROM accounts_balance WHERE true
    ON CONFLICT (number) DO NOTHING
"""


class LedgerMoved(Exception):
    """Something posted to the ledger that was about to be replaced; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "A consumer posted to the ledger meanwhile, so it was not replaced. Stop every "
            "consumer and run this again."
        )


def begin(first: Iterable[LogPosition]) -> None:
    """Make the scratch tables, empty, to be read from the beginnings in ``first``.

    What a killed rebuild left is dropped: nothing of it is ever gone on with.
    """
    with atomic(), connection.cursor() as cursor:
        _database().drop(cursor)
        _database().create(cursor)
        cursor.executemany(
            scratch_tables().sql(_BEGIN),
            [
                (
                    at.log_id,
                    at.partition,
                    at.first_offset,
                    bytes(at.first_link),
                    at.first_offset,
                    bytes(at.first_link),
                    at.refused_batches,
                )
                for at in first
            ],
        )


def drop() -> bool:
    """Remove what a rebuild, ended or killed, has left; say whether there was something."""
    with atomic(), connection.cursor() as cursor:
        return bool(_database().drop(cursor))


def next_offsets() -> dict[PositionKey, int]:
    """Give how far the scratch tables have come in each partition of each log."""
    with connection.cursor() as cursor:
        return _next_offsets(cursor, scratch_tables().sql(_NEXT_OFFSETS))


def links(log_id: int) -> dict[int, bytes]:
    """Give the last link of each partition of a log in the scratch tables."""
    with connection.cursor() as cursor:
        cursor.execute(scratch_tables().sql(_LINKS), [log_id])
        return {number: bytes(link) for number, link in cursor.fetchall()}


def put_in_place(*, current_log: int, expected: dict[PositionKey, int]) -> str:
    """Let the scratch tables be the ledger, in one transaction; give where the former ones are.

    Agents, accounts, submissions, the outbox and decisions stay; accounts that nobody filed
    are filed; positions begin a new epoch. ``expected`` are the next offsets of the ledger that
    is replaced: raises ``LedgerMoved`` where it stands elsewhere by now. A death at any moment
    leaves the one ledger or the other. "" where nothing is kept.
    """
    now_ms = time.time_ns() // 1_000_000
    with atomic(), connection.cursor() as cursor:
        sql.wait_for_other_writers(cursor)
        if _next_offsets(cursor, _NEXT_OFFSETS) != expected:
            raise LedgerMoved
        former = _database().put_in_place(cursor)
        set_triggers(None, SimpleNamespace(connection=connection))
        cursor.execute(_FILE_UNFILED, [instant(now_ms).isoformat(" ")])
        Log.objects.filter(is_current=True).exclude(pk=current_log).update(is_current=False)
        Log.objects.filter(pk=current_log).update(is_current=True, rebuilt_at_ms=now_ms)
    return str(former)


def _next_offsets(cursor: CursorWrapper, question: str) -> dict[PositionKey, int]:
    cursor.execute(question)
    return {(log_id, partition): at for log_id, partition, at in cursor.fetchall()}


def _database() -> ModuleType:
    return on_postgresql if connection.vendor == "postgresql" else on_sqlite
