"""Reads of what the ledger has concluded, by transaction ids and account numbers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from accounts.models import Account, Balance, Entry, Outcome, Reason

# Few enough for the parameters of one SQLite query through Django.
IDS_AT_A_TIME = 500


class Conclusion(NamedTuple):
    """What came of a transaction. ``entry_id`` orders this ledger only."""

    entry_id: int
    outcome: Outcome
    reason: Reason
    balance_minor: int | None


def conclusions_of(identifiers: Sequence[UUID]) -> dict[UUID, Conclusion]:
    """Give the conclusion of each of at most 500 transactions that has one."""
    entries = Entry.objects.filter(transaction_id__in=identifiers)
    rows = entries.values_list("transaction_id", "id", "outcome", "reason", "balance_minor")
    return {
        identifier: Conclusion(entry_id, Outcome(outcome), Reason(reason), balance_minor)
        for identifier, entry_id, outcome, reason, balance_minor in rows
    }


def last_entry_id() -> int:
    """Give the id of the newest entry; what is posted from now on has a greater one."""
    return Entry.objects.order_by("-id").values_list("id", flat=True).first() or 0


def unopened(numbers: Iterable[str]) -> list[str]:
    """Give those of ``numbers`` that the ledger knows no account of, in order."""
    wanted = sorted(numbers)
    known: set[str] = set()
    for part in _parts(wanted):
        opened = Balance.objects.filter(account_id__in=part)
        known.update(str(number) for number in opened.values_list("account_id", flat=True))
    return [number for number in wanted if number not in known]


def unfiled(numbers: Iterable[str]) -> list[str]:
    """Give those of ``numbers`` that no branch has filed, in order."""
    wanted = sorted(numbers)
    known: set[str] = set()
    for part in _parts(wanted):
        known.update(Account.objects.filter(number__in=part).values_list("number", flat=True))
    return [number for number in wanted if number not in known]


def _parts(numbers: list[str]) -> Iterable[list[str]]:
    return (numbers[at : at + IDS_AT_A_TIME] for at in range(0, len(numbers), IDS_AT_A_TIME))
