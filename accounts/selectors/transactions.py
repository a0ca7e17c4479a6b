"""Reads of transactions: the list with its filter, page by page, and what one account did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.events import DEMO_SOURCE, IMPORT_SOURCE
from accounts.models import (
    TRANSACTION_KINDS,
    Agent,
    DeadLetter,
    Entry,
    Kind,
    Outcome,
    Submission,
)
from accounts.selectors.accounts import holders_of
from accounts.selectors.dead_letters import Followed, is_retried, set_aside
from accounts.selectors.few_among_many import few_among_many
from accounts.selectors.filters import Filter
from accounts.selectors.first_rows import first_rows
from accounts.selectors.orders import NEWEST_FIRST, Order, after
from accounts.selectors.scope import entries_seen_by, submissions_seen_by

PAGE_LENGTH = 50
# Nobody submitted these rows at the time that they name, so they name none in a list.
_UNTIMED = frozenset({IMPORT_SOURCE, DEMO_SOURCE})
_WAITING_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class TransactionRow:
    """One line of a list: an entry, or a submission that has no outcome yet."""

    transaction_id: UUID
    account: str
    kind: int
    amount_minor: int
    balance_minor: int | None
    business_date: date
    submitted_at_ms: int | None
    reference: str
    agent: str
    state: str
    reason: str = ""
    remark: str = ""
    holder: str = ""

    @property
    def signed_amount_minor(self) -> int:
        """The amount from the customer's viewpoint."""
        return -self.amount_minor if self.kind == Kind.WITHDRAWAL else self.amount_minor

    @property
    def is_posted_transaction(self) -> bool:
        """Whether it moved money."""
        return self.state == "posted" and self.kind in TRANSACTION_KINDS

    @classmethod
    def of_entry(cls, entry: Entry, *, holder: str = "", agent: str = "") -> Self:
        """Give the line of a concluded entry."""
        reason = entry.get_reason_display() if entry.reason else ""
        return cls(
            transaction_id=entry.transaction_id,
            account=entry.account_id,
            kind=entry.kind_id,
            amount_minor=entry.amount_minor,
            balance_minor=entry.balance_minor,
            business_date=entry.business_date,
            submitted_at_ms=None if entry.source in _UNTIMED else entry.submitted_at_ms,
            reference=entry.reference,
            agent=agent or entry.submitted_by,
            state="posted" if entry.is_posted else "rejected",
            reason="" if entry.is_posted else reason,
            remark=reason if entry.is_posted else "",
            holder=holder,
        )

    @classmethod
    def of_submission(cls, submission: Submission, *, is_dead: bool) -> Self:
        """Give the line of a submission without an outcome."""
        return cls(
            transaction_id=submission.transaction_id,
            account=submission.account,
            kind=submission.kind_id,
            amount_minor=submission.amount_minor,
            balance_minor=None,
            business_date=submission.business_date,
            submitted_at_ms=submission.submitted_at_ms,
            reference=submission.reference,
            agent=str(submission.submitted_by),
            state="dead" if is_dead else "queued",
        )


@dataclass(frozen=True)
class Page:
    """Some rows of a list, and the id after which the next older ones come."""

    rows: Sequence[TransactionRow]
    older_than: UUID | None


def transactions_page(
    agent: Agent,
    wanted: Filter,
    *,
    order: Order = NEWEST_FIRST,
    older_than: UUID | None = None,
) -> Page:
    """Give the first transactions in an order, or those after an id: further down the list."""
    entries = wanted.entries(agent)
    mark = _seen_entry(agent, older_than) if older_than else None
    if mark:
        entries = after(entries, mark, order)
    length = PAGE_LENGTH + 1
    entries = few_among_many(entries, wanted, seen_by=agent, length=length)
    ordered = first_rows(entries, wanted, order, length, mark)
    return _page(ordered, agent, length=PAGE_LENGTH)


def account_page(
    agent: Agent, number: str, *, older_than: UUID | None = None, length: int = 16
) -> Page:
    """Give what the ledger concluded last on an account, in ledger order: balances follow on."""
    entries = entries_seen_by(agent).filter(account_id=number).order_by("-id")
    if older_than and (mark := _seen_entry(agent, older_than)):
        entries = entries.filter(id__lt=mark.pk)
    return _page(entries, agent, length=length)


def waiting_rows(agent: Agent, number: str) -> list[TransactionRow]:
    """Give the account's submissions that have no outcome yet, the latest first."""
    identifier = OuterRef("transaction_id")
    letters = DeadLetter.objects.filter(transaction_id=identifier)
    waiting = list(
        submissions_seen_by(agent)
        # An outbox row is done with its outcome, also where that is a dead letter.
        .filter(Q(outbox__is_done=False) | Exists(letters), account=number)
        .exclude(Exists(Entry.objects.filter(transaction_id=identifier)))
        .select_related("submitted_by", "outbox")
        .order_by("-outbox__id")[:_WAITING_SHOWN]
    )
    found = set_aside(waiting)
    return [
        TransactionRow.of_submission(each, is_dead=_is_dead(found.get(each.transaction_id, ())))
        for each in waiting
    ]


def _is_dead(letters: Sequence[Followed]) -> bool:
    return bool(letters) and not is_retried(letters)


def opening_date(agent: Agent, number: str) -> date | None:
    """Give the business date of an account's first posted entry, which opened it."""
    entries = entries_seen_by(agent).filter(account_id=number, outcome=Outcome.POSTED)
    return entries.order_by("id").values_list("business_date", flat=True).first()


def has_transactions(agent: Agent) -> bool:
    """Tell whether the agent may see any transaction at all."""
    transactions = entries_seen_by(agent).filter(kind__in=TRANSACTION_KINDS)
    return few_among_many(transactions, Filter(), seen_by=agent, length=1).exists()


def _seen_entry(agent: Agent, transaction_id: UUID) -> Entry | None:
    return entries_seen_by(agent).filter(transaction_id=transaction_id).first()


def _page(entries: QuerySet[Entry], agent: Agent, *, length: int) -> Page:
    found = list(entries[: length + 1])
    shown = found[:length]
    holders = holders_of((entry.account_id for entry in shown), seen_by=agent)
    names = _agent_names(entry.submitted_by for entry in shown)
    rows = [
        TransactionRow.of_entry(
            entry,
            holder=holders.get(entry.account_id, ""),
            agent=names.get(entry.submitted_by, ""),
        )
        for entry in shown
    ]
    return Page(rows, shown[-1].transaction_id if len(found) > length else None)


def _agent_names(usernames: Iterable[str]) -> dict[str, str]:
    agents = Agent.objects.filter(username__in=set(usernames))
    return {agent.username: str(agent) for agent in agents}
