"""Importing a history file: checked as a whole, published as facts, held against the ledger."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from django.conf import settings

from accounts.events import Event
from accounts.history import BadLine, HistoryFile, HistoryRow, Survey, facts, opening, survey
from accounts.models import Branch, Outcome, Reason
from accounts.money import plain_amount
from accounts.selectors.outcomes import (
    IDS_AT_A_TIME,
    Conclusion,
    conclusions_of,
    last_entry_id,
    unopened,
)
from accounts.services.filing import file_accounts
from streaming.bulk import BulkPublisher, KafkaMoved
from streaming.progress import Progress, Say
from streaming.stopping import StopRequest
from streaming.waiting import wait_for_log

# How long the ledger may conclude nothing before it counts as standing still.
PATIENCE_S: Final = 60.0
DIFFERENCES_NAMED: Final = 20

Fact = tuple[HistoryRow, Event]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Difference:
    """A row whose claimed balance is not what the ledger found after it."""

    row: HistoryRow
    conclusion: Conclusion | None

    def __str__(self) -> str:
        return f"Line {self.row.line}, account {self.row.account}: {self._what()}."

    def _what(self) -> str:
        if self.conclusion is None:
            return "the ledger has no outcome"
        if self.conclusion.outcome != Outcome.POSTED:
            return f"rejected ({self.conclusion.reason.value})"
        claimed, found = (
            plain_amount(minor, currency=settings.CURRENCY)
            for minor in (self.row.claimed_balance_minor, self.conclusion.balance_minor or 0)
        )
        return f"the file says {claimed}, the ledger {found}"


@dataclass
class Imported:
    """What became of a file. ``differences`` has the first twenty of ``difference_count``."""

    opened: int = 0
    new: int = 0
    known: int = 0
    overdrawn: int = 0
    difference_count: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether the ledger has every row with the balance that the file claims."""
        return self.difference_count == 0

    def take(self, row: HistoryRow, conclusion: Conclusion | None, *, newest_before: int) -> None:
        """Take in one row of the file and what the ledger has for it."""
        if conclusion is not None and conclusion.entry_id > newest_before:
            self.new += 1
        else:
            self.known += conclusion is not None
        if conclusion is None or _differs(row, conclusion):
            self.difference_count += 1
            if len(self.differences) < DIFFERENCES_NAMED:
                self.differences.append(Difference(row, conclusion))
        elif conclusion.reason == Reason.OVERDRAWN:
            self.overdrawn += 1


def check_history(history: HistoryFile, *, say: Say) -> Survey:
    """Read the whole of ``history``, saying how far it is; see ``accounts.history.survey``."""
    return survey(_Watched(history, say))


def import_history(
    history: HistoryFile,
    found: Survey,
    *,
    branch: Branch | None,
    rate: float | None = None,
    say: Say,
) -> Imported:
    """Publish what the ledger lacks of ``history``, wait for it, and compare the balances.

    May be repeated, and stopped at any moment: a row has the same id and bytes at each import.
    Waits, saying so, for broker, topic and consumer. Raises ``LedgerStands``, ``NotDelivered``,
    ``HistoryChanged``, and what ``wait_for_log`` raises.
    """
    newest_before = last_entry_id()
    file_accounts(found.accounts, branch=branch)
    result = Imported(opened=len(unopened(found.accounts)))
    while not _published(history, found, rate, say):
        say("Kafka has moved; going on at its new address.")
    progress = Progress(say, "Compared", found.row_count)
    for part in _parts(_facts(history, found), IDS_AT_A_TIME):
        known = conclusions_of([event.transaction_id for _, event in part])
        for row, event in part:
            result.take(row, known.get(event.transaction_id), newest_before=newest_before)
        progress.advance(len(part))
    return result


def _published(history: HistoryFile, found: Survey, rate: float | None, say: Say) -> bool:
    """Publish and see concluded what the ledger lacks; False if Kafka went elsewhere meanwhile."""
    place = wait_for_log(StopRequest())
    assert place is not None, "nobody asks this wait to stop"  # noqa: S101
    publisher = BulkPublisher(place[0], place[1], say=say, rate=rate)
    try:
        for number in unopened(found.accounts):
            publisher.publish(opening(number, currency=settings.CURRENCY))
        _publish_rows(publisher, history, found, say)
        publisher.wait_until_concluded(PATIENCE_S)
    except KafkaMoved:
        return False
    finally:
        publisher.close()
    return True


def _publish_rows(publisher: BulkPublisher, history: HistoryFile, found: Survey, say: Say) -> None:
    progress = Progress(say, "Published", found.row_count)
    for part in _parts(_facts(history, found), IDS_AT_A_TIME):
        known = conclusions_of([event.transaction_id for _, event in part])
        for _, event in part:
            if event.transaction_id not in known:
                publisher.publish(event)
            progress.advance()


def _facts(history: HistoryFile, found: Survey) -> Iterator[Fact]:
    return facts(history, found, currency=settings.CURRENCY)


def _differs(row: HistoryRow, conclusion: Conclusion) -> bool:
    posted = conclusion.outcome == Outcome.POSTED
    return not posted or conclusion.balance_minor != row.claimed_balance_minor


def _parts(items: Iterable[Item], length: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while part := list(islice(iterator, length)):
        yield part


class _Watched:
    """A history file whose reading says how far it is."""

    def __init__(self, history: HistoryFile, say: Say) -> None:
        self._history = history
        self._say = say

    @property
    def most_rows(self) -> int:
        return self._history.most_rows

    def rows(self) -> Iterator[HistoryRow | BadLine]:
        progress = Progress(self._say, "Checked")
        for row in self._history.rows():
            progress.advance()
            yield row
