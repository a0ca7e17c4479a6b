"""Entries as live pages show them: small, free of language, ready to be encoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts.events import IMPORT_SOURCE
from accounts.models import TRANSACTION_KINDS, Entry, Kind, Outcome
from accounts.models.fields import datable
from accounts.models.ledger import signed
from accounts.selectors.snapshot import snapshot
from accounts.selectors.viewpoints import Viewpoint

_KIND_CODES = {kind.value: kind.name.lower() for kind in Kind}
_OUTCOME_CODES = {outcome.value: outcome.name.lower() for outcome in Outcome}
# Asked after each commit of a batch, while somebody looks: Django takes three times as long. Not
# an inner join: an entry may name an account that nobody ever filed.
_ROWS: Final = """
    SELECT entry.id, filed.branch_id, transaction_id, entry.account, filed.holder, kind_id, outcome,
        reason, amount_minor, balance_minor, business_date, logged_at_ms, source
    FROM accounts_entry AS entry LEFT JOIN accounts_account AS filed ON filed.number = entry.account
    WHERE entry.id"""
_AFTER: Final = f"{_ROWS} > %s AND entry.id <= %s ORDER BY entry.id LIMIT %s"
# What stands in a statement for its ends: no entry has such an id, and no amount is as large.
_AFTER_IT: Final = 9_007_199_254_740_993
_UNTIL_IT: Final = 9_007_199_254_740_995


class LiveRow(msgspec.Struct, frozen=True):
    """One entry for a browser. The amount has the customer's sign."""

    transaction_id: UUID
    account: str
    holder: str
    kind: str
    outcome: str
    reason: str
    amount_minor: int
    balance_minor: int | None
    business_date: date
    logged_at_ms: int
    # An imported row was never submitted at a counter: only its date says something.
    is_history: bool


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row with its place in the ledger and the branch that keeps its account, if any does."""

    entry_id: int
    branch_id: int | None
    row: LiveRow


def rows_after(entry_id: int, *, until: int, limit: int) -> list[PlacedRow]:
    """Give the first ``limit`` entries of any kind in (``entry_id``, ``until``], in order."""
    return _placed(_AFTER, [entry_id, until, limit])


def newest_seen_from(
    viewpoint: Viewpoint, *, after: int, until: int, limit: int
) -> list[PlacedRow]:
    """Give the last ``limit`` entries in (``after``, ``until``] from a viewpoint, in order."""
    entries = viewpoint.entries().filter(id__gt=after, id__lte=until)
    return _in_their_order(entries.order_by("-id")[:limit])[::-1]


def ids_seen_from(viewpoint: Viewpoint, *, after: int, until: int) -> frozenset[int]:
    """Give which entries in (``after``, ``until``] are seen from a viewpoint."""
    chosen = viewpoint.chosen
    if chosen is not None and chosen.as_of is not None:
        # What was known at a moment is asked of the ledger as it stands.
        asked = _ids_asked.__wrapped__(viewpoint, timezone.localdate())
    else:
        asked = _ids_asked(viewpoint, timezone.localdate())
    if asked is None:
        return frozenset()
    statement, parameters = asked
    ends: dict[Any, Any] = {_AFTER_IT: after, _UNTIL_IT: until}
    with connection.cursor() as cursor:
        cursor.execute(statement, [ends.get(each, each) for each in parameters])
        return frozenset(entry_id for (entry_id,) in cursor.fetchall())


# Asked for each filter that anybody looks through, after each change: Django takes longer to put
# the query together than the database to answer it. A day later the dates may be others.
@lru_cache(maxsize=2_048)
def _ids_asked(viewpoint: Viewpoint, _day: date) -> tuple[str, tuple[Any, ...]] | None:
    entries = viewpoint.entries().filter(id__gt=_AFTER_IT, id__lte=_UNTIL_IT)
    try:
        statement, parameters = (
            entries.order_by().values_list("id", flat=True).query.sql_with_params()
        )
    except EmptyResultSet:
        return None
    return statement, tuple(parameters)


def transactions_counted(viewpoint: Viewpoint, *, after: int, until: int) -> int:
    """Count the entries in (``after``, ``until``] that move money and are seen from there."""
    entries = viewpoint.entries().filter(id__gt=after, id__lte=until)
    counted = entries.filter(kind__in=TRANSACTION_KINDS).aggregate(number=Count("id"))
    return int(counted["number"])


def live_rows(entries: QuerySet[Entry]) -> list[LiveRow]:
    """Give entries, which may be sliced, as a browser shows them, in their order."""
    return [placed.row for placed in _in_their_order(entries)]


def _in_their_order(entries: QuerySet[Entry]) -> list[PlacedRow]:
    # An id stands for one entry until the ledger is built anew.
    with snapshot():
        ids = list(entries.values_list("id", flat=True))
        if not ids:
            return []
        found = _placed(f"{_ROWS} IN ({', '.join(['%s'] * len(ids))})", ids)
    by_id = {placed.entry_id: placed for placed in found}
    return [by_id[each] for each in ids]


def _placed(statement: str, parameters: Sequence[int]) -> list[PlacedRow]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [_placed_row(*row) for row in cursor.fetchall()]


def _placed_row(  # noqa: PLR0913, PLR0917 as they are read
    entry_id: int,
    branch_id: int | None,
    transaction_id: UUID | bytes,
    account: str,
    holder: str | None,
    kind: int,
    outcome: int,
    reason: str,
    amount_minor: int,
    balance_minor: int | None,
    business_date: date | str,
    logged_at_ms: int,
    source: str,
) -> PlacedRow:
    # As SQLite keeps them, or as PostgreSQL does.
    if not isinstance(transaction_id, UUID):
        transaction_id = UUID(bytes=bytes(transaction_id))
    if isinstance(business_date, str):
        business_date = date.fromisoformat(business_date)
    row = LiveRow(
        transaction_id=transaction_id,
        account=account,
        holder=holder or "",
        kind=_KIND_CODES[kind],
        outcome=_OUTCOME_CODES[outcome],
        reason=reason,
        amount_minor=signed(amount_minor, kind),
        balance_minor=balance_minor,
        business_date=business_date,
        logged_at_ms=datable(logged_at_ms),
        is_history=source == IMPORT_SOURCE,
    )
    return PlacedRow(entry_id, branch_id, row)
