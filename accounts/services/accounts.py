"""Files new accounts, and asks the ledger to open them."""

from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection
from django.db.transaction import atomic

from accounts.models import Account, Agent, Kind, Submission
from accounts.selectors.accounts import is_number_taken
from accounts.services.submissions import (
    IdAlreadyUsed,
    file_submission,
    new_submission,
    refuse_who_may_not_submit,
    same_submission,
)

# The advisory lock of those who file accounts: "file".
_FILING_LOCK: Final = 0x66696C65


class NumberTaken(Exception):
    """An account of that number exists, in this branch or in another. Nothing was written."""


def open_account(  # noqa: PLR0913
    *,
    transaction_id: UUID,
    number: str,
    holder: str,
    opening_balance_minor: int,
    least_balance_minor: int,
    by: Agent,
) -> Submission:
    """File an account of the agent's branch and submit its opening, both or neither.

    May be repeated: the same id with the same content is the same submission. Raises
    ``NumberTaken``, and what ``submit_transaction`` raises.
    """
    refuse_who_may_not_submit(by)
    account = Account(number=number, holder=holder, branch_id=by.branch_id)
    wanted = new_submission(
        transaction_id=transaction_id,
        account=number,
        kind=Kind.ACCOUNT_OPENED,
        amount_minor=opening_balance_minor,
        least_balance_minor=least_balance_minor,
        by=by,
    )
    try:
        with atomic():
            _file_account(account)
            return file_submission(wanted, branch_id=account.branch_id)
    except IntegrityError:
        return _same_opening(wanted, account)


def _file_account(account: Account) -> None:
    _wait_for_others_who_file()
    # Two numbers that differ in case alone would be taken for one another at a counter.
    if is_number_taken(account.number):
        raise IntegrityError("The number is taken.")
    account.save(force_insert=True)


def _wait_for_others_who_file() -> None:
    """Let what others are filing be seen first. SQLite's BEGIN IMMEDIATE has done so."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FILING_LOCK])


def _same_opening(wanted: Submission, account: Account) -> Submission:
    is_filed = Submission.objects.filter(transaction_id=wanted.transaction_id).exists()
    if not is_filed and is_number_taken(account.number):
        raise NumberTaken(account.number)
    filed = same_submission(wanted)
    if Account.objects.get(number=account.number).holder != account.holder:
        raise IdAlreadyUsed(str(wanted.transaction_id))
    return filed
