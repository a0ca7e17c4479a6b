"""Files accounts that arrive by the thousand: from a history file, or for the demonstration."""

from collections.abc import Iterable, Sequence

from django.db.transaction import atomic

from accounts.models import Account, Branch
from accounts.selectors.outcomes import unfiled

_ROWS_AT_A_TIME = 500


def file_accounts(numbers: Iterable[str], *, branch: Branch | None) -> int:
    """File those of ``numbers`` that are not filed yet, without a holder; give their number.

    May be repeated. Those that are filed keep their branch and holder.
    """
    missing = unfiled(numbers)
    add_accounts([Account(number=number, branch=branch) for number in missing])
    return len(missing)


def add_accounts(accounts: Sequence[Account]) -> None:
    """Add ``accounts``; what is filed already under the same number stays as it is.

    In short transactions, so that posting never waits long for them.
    """
    for start in range(0, len(accounts), _ROWS_AT_A_TIME):
        with atomic():
            part = accounts[start : start + _ROWS_AT_A_TIME]
            Account.objects.bulk_create(part, ignore_conflicts=True)
