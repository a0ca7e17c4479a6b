"""History rows as events. The same row gives the same bytes at every import, on any day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from accounts.events import IMPORT_SOURCE, AccountOpened, Deposit, Withdrawal
from accounts.history.rows import HistoryFile, HistoryRow
from accounts.history.survey import Survey, numbered_rows
from accounts.identifiers import derived_transaction_id

IMPORTER = "import"


def facts(
    history: HistoryFile, found: Survey, *, currency: str
) -> Iterator[tuple[HistoryRow, Deposit | Withdrawal]]:
    """Read the good rows of a surveyed file as events, in its order."""
    for row, identity in numbered_rows(history, found):
        yield row, as_event(row, identity, currency=currency)


def as_event(row: HistoryRow, identity: str, *, currency: str) -> Deposit | Withdrawal:
    """Give the event that states ``row``; ``identity`` is what its id is derived from."""
    kind = Deposit if row.value_minor > 0 else Withdrawal
    return kind(
        version=1,
        transaction_id=derived_transaction_id(row.business_date, f"history;{identity}"),
        account=row.account,
        amount_minor=abs(row.value_minor),
        claimed_balance_minor=row.claimed_balance_minor,
        currency=currency,
        business_date=row.business_date,
        submitted_at=_midnight(row.business_date),
        submitted_by=IMPORTER,
        source=IMPORT_SOURCE,
    )


def opening(number: str, day: date, *, currency: str) -> AccountOpened:
    """Give the event that opens an account which a history file names.

    No row says with what an account began. It begins empty, on the ``day`` of its first row.
    A later file with an earlier row changes nothing: the account is open by then.
    """
    return AccountOpened(
        version=1,
        transaction_id=derived_transaction_id(day, f"history opening;{number}"),
        account=number,
        opening_balance_minor=0,
        least_balance_minor=0,
        currency=currency,
        business_date=day,
        submitted_at=_midnight(day),
        submitted_by=IMPORTER,
        source=IMPORT_SOURCE,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
