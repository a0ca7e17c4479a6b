"""Importing a history file: checked as a whole, published as facts, held against the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

from accounts.events import Event
from accounts.history import BadLine, HistoryFile, HistoryRow, Survey, facts, opening, survey
from accounts.models import Branch, Outcome, Reason
from accounts.money import plain_amount
from accounts.selectors.outcomes import Conclusion, conclusions_of, last_entry_id, unopened
from accounts.services.filing import file_accounts
from streaming.progress import Console, Progress
from streaming.publishing import in_parts, publish_until_concluded

DIFFERENCES_NAMED: Final = 20

Fact = tuple[HistoryRow, Event]


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


def check_history(history: HistoryFile, *, console: Console) -> Survey:
    """Read the whole of ``history``, saying how far it is; see ``accounts.history.survey``."""
    return survey(_Watched(history, console))


def import_history(
    history: HistoryFile,
    found: Survey,
    *,
    branch: Branch | None,
    rate: float | None = None,
    console: Console,
) -> Imported:
    """Publish what the ledger lacks of ``history``, wait for it, and compare the balances.

    May be repeated, and stopped at any moment: a row has the same id and bytes at each import.
    Raises ``HistoryChanged``, and what ``publish_until_concluded`` raises.
    """
    newest_before = last_entry_id()
    file_accounts(found.accounts, branch=branch)
    result = Imported(opened=len(unopened(found.accounts)))
    publish_until_concluded(
        lambda: _events(history, found),
        total=result.opened + found.row_count,
        rate=rate,
        console=console,
    )
    progress = Progress(console, "Compared", found.row_count)
    for part in in_parts(_facts(history, found)):
        known = conclusions_of([event.transaction_id for _, event in part])
        for row, event in part:
            result.take(row, known.get(event.transaction_id), newest_before=newest_before)
        progress.advance(len(part))
    return result


def _events(history: HistoryFile, found: Survey) -> Iterator[Event]:
    """Give the openings that the ledger lacks, and every row."""
    for number in unopened(found.accounts):
        yield opening(number, found.accounts[number], currency=settings.CURRENCY)
    for _row, event in _facts(history, found):
        yield event


def _facts(history: HistoryFile, found: Survey) -> Iterator[Fact]:
    return facts(history, found, currency=settings.CURRENCY)


def _differs(row: HistoryRow, conclusion: Conclusion) -> bool:
    posted = conclusion.outcome == Outcome.POSTED
    return not posted or conclusion.balance_minor != row.claimed_balance_minor


class _Watched:
    """A history file whose reading says how far it is."""

    def __init__(self, history: HistoryFile, console: Console) -> None:
        self._history = history
        self._console = console

    @property
    def most_rows(self) -> int:
        return self._history.most_rows

    def rows(self) -> Iterator[HistoryRow | BadLine]:
        progress = Progress(self._console, "Checked")
        for row in self._history.rows():
            progress.advance()
            yield row
