"""Concludes batches before the ones ahead of them are written.

Only for plain ones, which are nearly all: whatever is out of the ordinary is for ``post_batch``.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.ledger import sql
from accounts.ledger.conclusions import (
    AccountState,
    Books,
    Refused,
    Tally,
    Understood,
    conclude,
)
from accounts.ledger.dead_letters import buried_among
from accounts.ledger.messages import LogIdentity
from accounts.ledger.posting import Outcomes, outcomes_of_books

# What is remembered of accounts begins anew beyond so many; one takes some 300 bytes.
MOST_ACCOUNTS: Final = 200_000


class NotPlain(Exception):
    """The batch holds what only ``post_batch`` can conclude."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch with its outcomes, and the steps of the transaction that writes it."""

    steps: Sequence[sql.Step]
    outcomes: Outcomes


class Ahead:
    """The books as they will be once all that was concluded is written.

    Each transaction is written under the state that it was concluded from: offset and link of
    its partitions, count and balance of each account that it names, or that it is not open, ids
    that are new, the log that is followed.
    Where one finds another state it must write nothing, and neither may those after it: these
    books are void then, and the batches are for ``post_batch``, which reads anew.

    With ``looks_up_ids`` it asks for outcomes that the ids have already. Without, a repeat is
    found by the transaction, which clashes.
    """

    def __init__(self, log_id: int, identity: LogIdentity, *, looks_up_ids: bool) -> None:
        self._log_id = log_id
        self._fingerprint = identity.fingerprint()
        self.looks_up_ids = looks_up_ids
        self._accounts: dict[str, AccountState] = {}
        self._links: dict[int, bytes] = {}
        # The ids of each batch that was not written when last we heard.
        self._unwritten: deque[dict[UUID, bytes]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether it remembers so many accounts that it is time to begin anew."""
        return len(self._accounts) > MOST_ACCOUNTS

    def conclude(
        self, messages: Sequence[Understood | Refused], expected: Mapping[int, int]
    ) -> Prepared:
        """Conclude a batch on top of the ones before.

        ``expected`` is the next offset of each partition after the batches before this one.
        Raises ``NotPlain``; these books are void then.
        """
        understood = [read for read in messages if isinstance(read, Understood)]
        if len(understood) < len(messages):
            raise NotPlain("a message that is no event")
        now_ms = time.time_ns() // 1_000_000
        books, before = self._opened_for(understood)
        begun = {
            number: (expected[number], tally.link) for number, tally in books.partitions.items()
        }
        conclude(understood, books)
        if books.dead:
            raise NotPlain("an id that stands for something else")
        self._links |= {number: tally.link for number, tally in books.partitions.items()}
        self._unwritten.append(
            {each.event.transaction_id: each.digest for each in books.entries}
            if self.looks_up_ids
            else {}
        )
        named = (read.event.account for read in understood)
        unopened = {number for number in named if number not in books.accounts}
        steps = (
            sql.moving_on(self._log_id, begun, books),
            sql.finding_unopened(unopened),
            *sql.opening_accounts(books.opened, now_ms),
            # A rejection tells a balance too, and may be due to it.
            sql.moving_balances(before, books.accounts, guards_all=True),
            sql.adding_entries(self._log_id, books.entries, now_ms),
            sql.adding_totals(books),
        )
        return Prepared(steps, outcomes_of_books(books, posted_at_ms=now_ms))

    def note_written(self) -> None:
        """Say that the oldest of the batches is written."""
        self._unwritten.popleft()

    def _opened_for(
        self, understood: Sequence[Understood]
    ) -> tuple[Books, dict[str, tuple[int, int]]]:
        numbers = {read.event.account for read in understood}
        partitions = {read.message.partition for read in understood}
        with connection.cursor() as cursor:
            # A difference from all that is remembered would go through all of it.
            unknown = [number for number in numbers if number not in self._accounts]
            self._accounts |= sql.states_of(cursor, unknown)
            if unread := partitions - self._links.keys():
                self._links |= sql.links_of(cursor, self._log_id, unread)
            if buried_among(cursor, self._log_id, (read.message for read in understood)):
                raise NotPlain("a message that is a dead letter already")
            concluded = self._concluded_of(cursor, understood)
        known = {number: self._accounts[number] for number in numbers & self._accounts.keys()}
        before = {
            number: (state.posted_count, state.balance_minor) for number, state in known.items()
        }
        books = Books(
            fingerprint=self._fingerprint,
            accounts=self._accounts,
            concluded=concluded,
            partitions={
                number: Tally(next_offset=0, link=self._links[number]) for number in partitions
            },
        )
        return books, before

    def _concluded_of(
        self, cursor: CursorWrapper, understood: Sequence[Understood]
    ) -> dict[UUID, bytes]:
        if not self.looks_up_ids:
            return {}
        # First what is on its way: it may be written while we look.
        found: dict[UUID, bytes] = {}
        for ids in self._unwritten:
            found |= ids
        found |= sql.outcomes_of(cursor, [read.event.transaction_id for read in understood])
        return found
