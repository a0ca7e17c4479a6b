"""Writes what an agent asks: the submission and, with it, the bytes that the relay publishes."""

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection
from django.db.transaction import atomic
from django.utils import timezone

from accounts.events import PORTAL_SOURCE, AccountOpened, Deposit, Event, Withdrawal, encode
from accounts.ledger.sql import outcomes_of
from accounts.models import Act, Agent, Kind, ObjectKind, Outbox, Submission
from accounts.models.fields import instant
from accounts.models.inserting import insert
from accounts.selectors.accounts import NoSuchAccount
from accounts.selectors.scope import accounts_seen_by
from accounts.services.audit import Deed, Subject, record
from accounts.services.rights import refuse_who_lost_the_right
from accounts.tracing import trace_headers

_SAME_CONTENT = (
    "account",
    "kind_id",
    "amount_minor",
    "least_balance_minor",
    "currency",
    "reference",
    "submitted_by_id",
)


class IdAlreadyUsed(Exception):
    """The id belongs to a transaction with other content. Nothing was written."""


def submit_transaction(  # noqa: PLR0913
    *,
    transaction_id: UUID,
    account: str,
    kind: Kind,
    amount_minor: int,
    reference: str = "",
    by: Agent,
) -> Submission:
    """File a deposit or a withdrawal for publication and give its submission.

    May be repeated, also in parallel: the same id with the same content is the same
    submission. Raises ``IdAlreadyUsed`` for other content, ``NoSuchAccount`` beyond the
    agent's scope, ``PermissionDenied`` for a role that submits nothing, and what the
    database raises when it cannot serve; nothing is written then. Whether the balance allows
    it is for the ledger.
    """
    refuse_who_may_not_submit(by)
    kept_by = accounts_seen_by(by).filter(number=account).values_list("branch_id", flat=True)
    found = list(kept_by[:1])
    if not found:
        raise NoSuchAccount(account)
    wanted = new_submission(
        transaction_id=transaction_id,
        account=account,
        kind=kind,
        amount_minor=amount_minor,
        reference=reference,
        by=by,
    )
    try:
        with atomic():
            return file_submission(wanted, branch_id=found[0])
    except IntegrityError:
        return same_submission(wanted)


def refuse_who_may_not_submit(agent: Agent) -> None:
    """Raise ``PermissionDenied`` unless the agent's role submits."""
    if not (agent.is_active and agent.may_submit):
        raise PermissionDenied


def new_submission(  # noqa: PLR0913
    *,
    transaction_id: UUID,
    account: str,
    kind: Kind,
    amount_minor: int,
    by: Agent,
    reference: str = "",
    least_balance_minor: int | None = None,
) -> Submission:
    """Give an unsaved submission of today."""
    return Submission(
        transaction_id=transaction_id,
        account=account,
        kind_id=kind,
        amount_minor=amount_minor,
        least_balance_minor=least_balance_minor,
        currency=settings.CURRENCY,
        reference=reference,
        business_date=timezone.localdate(),
        submitted_at_ms=time.time_ns() // 1_000_000,
        submitted_by=by,
    )


def file_submission(submission: Submission, *, branch_id: int | None) -> Submission:
    """Write a submission, its outbox row and its audit record, for an account of a branch.

    Must run inside ``atomic``, and last in it.
    Raises ``IntegrityError`` when the id is taken, by a submission or in the ledger, and
    ``PermissionDenied`` for an agent who was disabled, moved or given another role meanwhile.
    """
    refuse_who_lost_the_right(submission.submitted_by)
    with connection.cursor() as cursor:
        if outcomes_of(cursor, [submission.transaction_id]):
            raise IntegrityError("The ledger has concluded this id.")
    insert(submission)
    key, value = encode(_event(submission))
    insert(
        Outbox(
            topic=settings.KAFKA_TOPIC,
            key=key,
            value=value,
            headers=trace_headers(),
            submission=submission,
            queued_at_ms=time.time_ns() // 1_000_000,
        )
    )
    record(_deed(submission, branch_id), by=submission.submitted_by)
    return submission


def same_submission(wanted: Submission) -> Submission:
    """Give the submission that has the id of ``wanted`` and its content, or refuse it."""
    filed = Submission.objects.filter(transaction_id=wanted.transaction_id).first()
    if filed is None or any(
        getattr(filed, name) != getattr(wanted, name) for name in _SAME_CONTENT
    ):
        raise IdAlreadyUsed(str(wanted.transaction_id))
    return filed


def _deed(submission: Submission, branch_id: int | None) -> Deed:
    """Give what is kept of it: the rest is in the submission itself, found by its id."""
    identifier = str(submission.transaction_id)
    amounts = {"amount_minor": submission.amount_minor, "currency": submission.currency}
    if submission.kind_id == Kind.ACCOUNT_OPENED:
        return Deed(
            act=Act.OPENING,
            about=Subject(ObjectKind.ACCOUNT, submission.account, branch_id),
            after={
                **amounts,
                "transaction": identifier,
                "least_balance_minor": submission.least_balance_minor,
            },
        )
    kind = Kind(submission.kind_id).name.lower()
    return Deed(
        act=Act.SUBMISSION,
        about=Subject(ObjectKind.TRANSACTION, identifier, branch_id),
        after={**amounts, "account": submission.account, "kind": kind},
    )


def _event(submission: Submission) -> Event:
    fields: dict[str, Any] = {
        "version": 1,
        "transaction_id": submission.transaction_id,
        "account": submission.account,
        "currency": submission.currency,
        "business_date": submission.business_date,
        "submitted_at": instant(submission.submitted_at_ms),
        "submitted_by": submission.submitted_by.username,
        "source": PORTAL_SOURCE,
        "reference": submission.reference,
    }
    if submission.kind_id == Kind.ACCOUNT_OPENED:
        return AccountOpened(
            **fields,
            opening_balance_minor=submission.amount_minor,
            least_balance_minor=submission.least_balance_minor,
        )
    event_type = Deposit if submission.kind_id == Kind.DEPOSIT else Withdrawal
    return event_type(**fields, amount_minor=submission.amount_minor)
