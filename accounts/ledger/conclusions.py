"""The posting core: from messages and books to entries and books, without a database or clock."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from accounts.events import (
    IMPORT_SOURCE,
    AccountOpened,
    Deposit,
    Event,
    NotUnderstood,
    Withdrawal,
    decode,
)
from accounts.ledger.messages import Delivered, digest_of, link_of
from accounts.models.account import AccountStatus
from accounts.models.dead_letter import DeadReason
from accounts.models.ledger import Kind, Outcome, Reason
from accounts.money import GREATEST_BALANCE_MINOR, GREATEST_TURNOVER_MINOR

# How a dead letter stands in the chain, beside the outcomes of entries.
DEAD: Final = 3

# Plain integers: members of an enum cost more than all else in the loop below.
_POSTED, _REJECTED = int(Outcome.POSTED), int(Outcome.REJECTED)
_OPEN = int(AccountStatus.OPEN)
_KINDS: Final[dict[type, int]] = {
    AccountOpened: int(Kind.ACCOUNT_OPENED),
    Deposit: int(Kind.DEPOSIT),
    Withdrawal: int(Kind.WITHDRAWAL),
}


class AccountState(msgspec.Struct, gc=False):
    """An account while a batch is concluded. The turnover is all that was paid in and out."""

    number: str
    currency: str
    balance_minor: int
    least_balance_minor: int
    status: int
    posted_count: int
    turnover_minor: int


class Understood(msgspec.Struct, frozen=True, gc=False):
    """A message that is an event."""

    message: Delivered
    digest: bytes
    event: Event


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A message that is none, or whose id stands for something else."""

    message: Delivered
    digest: bytes
    reason: str
    detail: str
    transaction_id: UUID | None


class Concluded(msgspec.Struct, frozen=True, gc=False):
    """An event with its outcome. ``balance_minor`` is the balance after it, if there is one."""

    message: Delivered
    digest: bytes
    event: Event
    kind: int
    amount_minor: int
    outcome: int
    reason: str
    balance_minor: int | None
    link: bytes


class Dead(msgspec.Struct, frozen=True, gc=False):
    """A message for the dead letters, as a link of the chain."""

    refused: Refused
    link: bytes


class Tally(msgspec.Struct, gc=False):
    """How far a partition has come within a batch, and by which fates."""

    next_offset: int
    link: bytes
    leader_epoch: int = -1
    last_digest: bytes | None = None
    transactions: int = 0
    posted: int = 0
    rejected: int = 0
    dead: int = 0
    repeats: int = 0


@dataclass(slots=True)
class Books:
    """What a batch has to know beforehand, and what it has changed afterwards.

    ``accounts`` holds each account that the batch names and that is open; ``concluded`` the
    digest of each id of the batch that has an outcome already; ``partitions`` the state of
    each partition that the batch reads from. ``conclude`` changes all three. ``buried`` holds
    partition and offset of each message that is a dead letter already.
    """

    fingerprint: bytes
    accounts: dict[str, AccountState]
    concluded: dict[UUID, bytes]
    partitions: dict[int, Tally]
    buried: Collection[tuple[int, int]] = ()
    entries: list[Concluded] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    opened: list[AccountState] = field(default_factory=list)
    totals: dict[tuple[str, date, int], list[int]] = field(default_factory=dict)


def understand(message: Delivered) -> Understood | Refused:
    """Read one message. Needs no books, so it may be done ahead of the batch."""
    digest = digest_of(message.key, message.value)
    try:
        return Understood(message, digest, decode(message.key, message.value))
    except NotUnderstood as reason:
        return Refused(
            message, digest, DeadReason.NOT_UNDERSTOOD.value, str(reason), reason.transaction_id
        )


def conclude(messages: Iterable[Understood | Refused], books: Books) -> None:
    """Give each message its one fate, in the order given, and write it into ``books``.

    Concluded as posted or rejected; dropped as a repeat; or dead. An outcome depends on the
    event and on what ``books`` holds of earlier events, and on nothing else (law 1).
    """
    for read in messages:
        message = read.message
        tally = books.partitions[message.partition]
        tally.next_offset = message.offset + 1
        tally.leader_epoch = message.leader_epoch
        tally.last_digest = read.digest
        if books.buried and (message.partition, message.offset) in books.buried:
            # Read again, it stays dead, also where today's code would understand it.
            tally.repeats += 1
            continue
        if isinstance(read, Refused):
            _bury(read, tally, books)
            continue
        known = books.concluded.get(read.event.transaction_id)
        if known is None:
            _conclude_event(read, tally, books)
        elif known == read.digest:
            tally.repeats += 1
        else:
            _bury(_reused(read), tally, books)


def _conclude_event(read: Understood, tally: Tally, books: Books) -> None:
    event, message = read.event, read.message
    account = books.accounts.get(event.account)
    if isinstance(event, AccountOpened):
        amount_minor = event.opening_balance_minor
        outcome, reason, account = _open(event, account, books)
    else:
        amount_minor = event.amount_minor
        outcome, reason = _move(event, account)
    balance_minor = account.balance_minor if account else None
    kind = _KINDS[type(event)]
    tally.link = link_of(
        tally.link,
        books.fingerprint,
        message.partition,
        message.offset,
        read.digest,
        outcome,
        reason,
        balance_minor,
    )
    books.concluded[event.transaction_id] = read.digest
    books.entries.append(
        Concluded(
            message,
            read.digest,
            event,
            kind,
            amount_minor,
            outcome,
            reason,
            balance_minor,
            tally.link,
        )
    )
    _count(event, kind, amount_minor, outcome, tally, books)


def _open(
    event: AccountOpened, account: AccountState | None, books: Books
) -> tuple[int, str, AccountState]:
    if account is not None:
        return _REJECTED, Reason.ALREADY_OPEN.value, account
    opened = AccountState(
        number=event.account,
        currency=event.currency,
        balance_minor=event.opening_balance_minor,
        least_balance_minor=event.least_balance_minor,
        status=_OPEN,
        posted_count=1,
        turnover_minor=0,
    )
    books.accounts[event.account] = opened
    books.opened.append(opened)
    return _POSTED, "", opened


def _move(event: Deposit | Withdrawal, account: AccountState | None) -> tuple[int, str]:
    if account is None:
        return _REJECTED, Reason.UNKNOWN_ACCOUNT.value
    if account.status != _OPEN:
        return _REJECTED, Reason.FROZEN.value
    if account.currency != event.currency:
        return _REJECTED, Reason.OTHER_CURRENCY.value
    change_minor = event.amount_minor if isinstance(event, Deposit) else -event.amount_minor
    balance_minor = account.balance_minor + change_minor
    turnover_minor = account.turnover_minor + event.amount_minor
    if abs(balance_minor) > GREATEST_BALANCE_MINOR or turnover_minor > GREATEST_TURNOVER_MINOR:
        return _REJECTED, Reason.OUT_OF_RANGE.value
    too_low = balance_minor < account.least_balance_minor
    # History happened: it is posted even where today's rule would have refused it.
    if too_low and change_minor < 0 and event.source != IMPORT_SOURCE:
        return _REJECTED, Reason.OVERDRAFT.value
    account.balance_minor = balance_minor
    account.turnover_minor = turnover_minor
    account.posted_count += 1
    return _POSTED, Reason.OVERDRAWN.value if too_low else ""


def _count(  # noqa: PLR0913, PLR0917 called for each row
    event: Event, kind: int, amount_minor: int, outcome: int, tally: Tally, books: Books
) -> None:
    if outcome != _POSTED:
        tally.rejected += 1
        return
    tally.posted += 1
    if isinstance(event, AccountOpened):
        return
    tally.transactions += 1
    total = books.totals.setdefault((event.account, event.business_date, kind), [0, 0])
    total[0] += 1
    total[1] += amount_minor


def _bury(refused: Refused, tally: Tally, books: Books) -> None:
    message = refused.message
    tally.dead += 1
    tally.link = link_of(
        tally.link,
        books.fingerprint,
        message.partition,
        message.offset,
        refused.digest,
        DEAD,
        refused.reason,
        None,
    )
    books.dead.append(Dead(refused, tally.link))


def _reused(read: Understood) -> Refused:
    return Refused(
        read.message,
        read.digest,
        DeadReason.ID_REUSED.value,
        "The transaction id has an outcome already, for other content.",
        read.event.transaction_id,
    )
