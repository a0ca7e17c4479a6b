"""Reads of one transaction: what was asked, what came of it, and its way between the two."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from accounts.models import (
    Account,
    Agent,
    DeadLetter,
    DeadLetterDecision,
    Entry,
    Kind,
    Outbox,
    Reason,
    Submission,
)
from accounts.selectors.backlog import unpublished_before
from accounts.selectors.dead_letters import Followed, is_retried, set_aside
from accounts.selectors.scope import accounts_seen_by, entries_seen_by, submissions_seen_by

State = Literal["queued", "posted", "rejected", "dead"]
# A submission without an outcome for longer than this is worth an explanation.
LATE_AFTER_MS = 5_000


class NoSuchTransaction(Exception):
    """No transaction of that id exists for the agent who asks."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One transaction as its receipt shows it: the submission, the entry, or both.

    ``set_aside`` are the dead letters of the submission's own message, in the ledger's order.
    """

    transaction_id: UUID
    account_number: str
    account: Account | None
    submission: Submission | None
    outbox: Outbox | None
    entry: Entry | None
    set_aside: Sequence[Followed]
    agent_name: str
    # Rows of the outbox that are to be published before it.
    published_before: int = 0

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
        return "dead" if self.set_aside and not self.is_retried else "queued"

    @property
    def is_final(self) -> bool:
        """Whether it has its outcome. Only that of a dead letter changes, by a redrive."""
        return self.state != "queued"

    @property
    def is_retried(self) -> bool:
        """Whether it was set aside, and is on its way again without an outcome yet."""
        return self.entry is None and is_retried(self.set_aside)

    @property
    def dead_letter(self) -> DeadLetter | None:
        """The last of its dead letters, if any."""
        return self.set_aside[-1].letter if self.set_aside else None

    @property
    def logged_at_ms(self) -> int | None:
        """When the broker appended the message that decided it; None as long as none has.

        By the broker's clock (law 5), unlike the time of submission, which is the agent's.
        """
        logged = self.entry or (None if self.is_retried else self.dead_letter)
        return int(logged.logged_at_ms) if logged else None

    @property
    def discarded(self) -> DeadLetterDecision | None:
        """Who decided that it stays set aside, and why, once that is so."""
        decisions = [each.decision for each in self.set_aside if each.fate == "discarded"]
        return decisions[-1] if decisions and self.state == "dead" else None

    @property
    def is_published(self) -> bool:
        """Whether the broker has acknowledged it."""
        return self.outbox is not None and self.outbox.published_at_ms is not None

    @property
    def is_refused(self) -> bool:
        """Whether Kafka would not take it at the last try; it is tried again."""
        return self.outbox is not None and self.outbox.refusal is not None

    @property
    def is_late(self) -> bool:
        """Whether it has waited longer for its outcome than usual."""
        age_ms = time.time_ns() // 1_000_000 - self.asked.submitted_at_ms
        return not self.is_final and age_ms > LATE_AFTER_MS

    @property
    def stage(self) -> str:
        """The state, told apart where the receipt reads differently."""
        if self.is_final:
            return "discarded" if self.discarded else self.state
        if self.is_retried:
            return "retried"
        wait = "late" if self.is_late else "queued"
        if self.is_published:
            return f"{wait}-published"
        return f"{wait}-refused" if self.is_refused else f"{wait}-{self.published_before}"

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
    row = getattr(submission, "outbox", None)
    return Receipt(
        transaction_id=transaction_id,
        account_number=number,
        account=_account(number, seen_by),
        submission=submission,
        outbox=row,
        entry=entry,
        set_aside=_set_aside(submission),
        agent_name=_agent_name(entry, submission),
        published_before=0 if entry else _published_before(row),
    )


def _published_before(row: Outbox | None) -> int:
    if row is None or row.published_at_ms is not None:
        return 0
    return unpublished_before(row)


def _account_number(entry: Entry | None, submission: Submission | None) -> str:
    if entry:
        return str(entry.account_id)
    return submission.account if submission else ""


def _account(number: str, agent: Agent) -> Account | None:
    accounts = accounts_seen_by(agent).select_related("balance", "branch")
    return accounts.filter(number=number).first()


def _set_aside(submission: Submission | None) -> Sequence[Followed]:
    if submission is None or not hasattr(submission, "outbox"):
        return ()
    return set_aside([submission]).get(submission.transaction_id, ())


def _agent_name(entry: Entry | None, submission: Submission | None) -> str:
    if submission:
        return str(submission.submitted_by)
    agent = Agent.objects.filter(username=entry.submitted_by).first() if entry else None
    return str(agent) if agent else entry.submitted_by if entry else ""
