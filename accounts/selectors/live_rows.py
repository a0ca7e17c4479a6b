"""Entries as live pages show them: small, free of language, ready to be encoded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import msgspec
from django.db.models import Count, QuerySet

from accounts.events import IMPORT_SOURCE
from accounts.models import TRANSACTION_KINDS, Account, Entry, Kind, Outcome
from accounts.selectors.viewpoints import Viewpoint

_KIND_CODES = {kind.value: kind.name.lower() for kind in Kind}
_OUTCOME_CODES = {outcome.value: outcome.name.lower() for outcome in Outcome}
_COLUMNS = (
    *("id", "transaction_id", "account", "kind", "outcome", "reason", "amount_minor"),
    *("balance_minor", "business_date", "logged_at_ms", "source"),
)


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
    entries = Entry.objects.filter(id__gt=entry_id, id__lte=until).order_by("id")
    return _placed(entries[:limit])


def newest_seen_from(
    viewpoint: Viewpoint, *, after: int, until: int, limit: int
) -> list[PlacedRow]:
    """Give the last ``limit`` entries in (``after``, ``until``] from a viewpoint, in order."""
    entries = viewpoint.entries().filter(id__gt=after, id__lte=until)
    return _placed(entries.order_by("-id")[:limit])[::-1]


def ids_seen_from(viewpoint: Viewpoint, *, after: int, until: int) -> frozenset[int]:
    """Give which entries in (``after``, ``until``] are seen from a viewpoint."""
    entries = viewpoint.entries().filter(id__gt=after, id__lte=until)
    return frozenset(entries.values_list("id", flat=True))


def transactions_counted(viewpoint: Viewpoint, *, after: int, until: int) -> int:
    """Count the entries in (``after``, ``until``] that move money and are seen from there."""
    entries = viewpoint.entries().filter(id__gt=after, id__lte=until)
    counted = entries.filter(kind__in=TRANSACTION_KINDS).aggregate(number=Count("id"))
    return int(counted["number"])


def live_rows(entries: QuerySet[Entry]) -> list[LiveRow]:
    """Give entries, which may be sliced, as a browser shows them, in their order."""
    return [placed.row for placed in _placed(entries)]


def _placed(entries: QuerySet[Entry]) -> list[PlacedRow]:
    found = list(entries.only(*_COLUMNS))
    filed = _filed(entry.account_id for entry in found)
    return [_placed_row(entry, *filed.get(entry.account_id, ("", None))) for entry in found]


def _placed_row(entry: Entry, holder: str, branch_id: int | None) -> PlacedRow:
    row = LiveRow(
        transaction_id=entry.transaction_id,
        account=entry.account_id,
        holder=holder,
        kind=_KIND_CODES[entry.kind_id],
        outcome=_OUTCOME_CODES[entry.outcome],
        reason=entry.reason,
        amount_minor=entry.signed_amount_minor,
        balance_minor=entry.balance_minor,
        business_date=entry.business_date,
        logged_at_ms=entry.logged_at_ms,
        is_history=entry.source == IMPORT_SOURCE,
    )
    return PlacedRow(entry.pk, branch_id, row)


def _filed(numbers: Iterable[str]) -> dict[str, tuple[str, int | None]]:
    # Not a join: an entry may name an account that nobody ever filed.
    accounts = Account.objects.filter(number__in=set(numbers))
    return {
        number: (holder, branch_id)
        for number, holder, branch_id in accounts.values_list("number", "holder", "branch_id")
    }
