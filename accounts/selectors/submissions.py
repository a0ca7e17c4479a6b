"""Reads of one transaction: what was asked, what came of it, and its way between the two."""

import time
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from accounts.models import (
    Account,
    Agent,
    DeadLetter,
    Entry,
    Kind,
    Outbox,
    Reason,
    Submission,
)
from accounts.outbox import own_dead_letters
from accounts.selectors.scope import accounts_seen_by, entries_seen_by, submissions_seen_by

State = Literal["queued", "posted", "rejected", "dead"]
# A submission without an outcome for longer than this is worth an explanation.
LATE_AFTER_MS = 5_000


class NoSuchTransaction(Exception):
    """No transaction of that id exists for the agent who asks."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One transaction as its receipt shows it: the submission, the entry, or both."""

    transaction_id: UUID
    account_number: str
    account: Account | None
    submission: Submission | None
    outbox: Outbox | None
    entry: Entry | None
    dead_letter: DeadLetter | None
    agent_name: str

    @property
    def asked(self) -> Submission | Entry:
        """What was asked, from whichever row says it."""
        asked = self.entry or self.submission
        assert asked is not None, "a receipt has a submission or an entry"  # noqa: S101
        return asked

    @property
    def state(self) -> State:
        """How far the transaction is."""
        if self.entry:
            return "posted" if self.entry.is_posted else "rejected"
        return "dead" if self.dead_letter else "queued"

    @property
    def is_final(self) -> bool:
        """Whether nothing about it can change any more."""
        return self.state != "queued"

    @property
    def is_published(self) -> bool:
        """Whether the broker has acknowledged it."""
        return self.outbox is not None and self.outbox.published_at_ms is not None

    @property
    def is_late(self) -> bool:
        """Whether it has waited longer for its outcome than usual."""
        age_ms = time.time_ns() // 1_000_000 - self.asked.submitted_at_ms
        return not self.is_final and age_ms > LATE_AFTER_MS

    @property
    def stage(self) -> str:
        """The state, told apart where the receipt reads differently."""
        if self.is_final:
            return self.state
        return ("late" if self.is_late else "queued") + ("-published" if self.is_published else "")

    @property
    def kind(self) -> int:
        """What the transaction is: a value of ``Kind``."""
        return int(self.asked.kind_id)

    @property
    def signed_amount_minor(self) -> int:
        """The amount from the customer's viewpoint."""
        amount_minor: int = self.asked.amount_minor
        return -amount_minor if self.kind == Kind.WITHDRAWAL else amount_minor

    @property
    def balance_before_minor(self) -> int | None:
        """The balance that the ledger started from, where the entry has one."""
        if self.entry is None or self.entry.balance_minor is None:
            return None
        balance_minor: int = self.entry.balance_minor
        return balance_minor - (self.signed_amount_minor if self.entry.is_posted else 0)

    @property
    def foreseen_balance_minor(self) -> int | None:
        """The balance that would follow if it were posted next; None once that is decided."""
        if self.is_final or self.account is None or not self.account.is_open:
            return None
        balance_minor: int = self.account.balance.balance_minor
        return balance_minor + self.signed_amount_minor

    @property
    def is_overdrawn(self) -> bool:
        """Whether it was posted although the account does not allow the balance."""
        return self.entry is not None and self.entry.reason == Reason.OVERDRAWN

    @property
    def is_from_counter(self) -> bool:
        """Whether an agent submitted it here, so that its times tell a whole way."""
        return self.submission is not None

    @property
    def took_ms(self) -> int | None:
        """From the click to the ledger, where both were seen by this portal's clock."""
        if self.entry is None or self.submission is None:
            return None
        took_ms: int = self.entry.posted_at_ms - self.submission.submitted_at_ms
        return max(0, took_ms)


def receipt_of(transaction_id: UUID, *, seen_by: Agent) -> Receipt:
    """Give the receipt of a transaction; raise ``NoSuchTransaction`` beyond the agent's scope."""
    entry = entries_seen_by(seen_by).filter(transaction_id=transaction_id).first()
    submission = (
        submissions_seen_by(seen_by)
        .filter(transaction_id=transaction_id)
        .select_related("outbox", "submitted_by")
        .first()
    )
    if entry is None and submission is None:
        raise NoSuchTransaction(str(transaction_id))
    number = _account_number(entry, submission)
    return Receipt(
        transaction_id=transaction_id,
        account_number=number,
        account=_account(number, seen_by),
        submission=submission,
        outbox=getattr(submission, "outbox", None),
        entry=entry,
        dead_letter=None if entry else _dead_letter(submission),
        agent_name=_agent_name(entry, submission),
    )


def _account_number(entry: Entry | None, submission: Submission | None) -> str:
    if entry:
        return str(entry.account_id)
    return submission.account if submission else ""


def _account(number: str, agent: Agent) -> Account | None:
    accounts = accounts_seen_by(agent).select_related("balance", "branch")
    return accounts.filter(number=number).first()


def _dead_letter(submission: Submission | None) -> DeadLetter | None:
    row = getattr(submission, "outbox", None)
    if submission is None or row is None:
        return None
    return own_dead_letters(submission.transaction_id, key=row.key, value=row.value).first()


def _agent_name(entry: Entry | None, submission: Submission | None) -> str:
    if submission:
        return str(submission.submitted_by)
    agent = Agent.objects.filter(username=entry.submitted_by).first() if entry else None
    return str(agent) if agent else entry.submitted_by if entry else ""
