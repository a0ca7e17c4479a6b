"""Follows the ledger in a web process: one thread, which hands on each change once."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from accounts.database_changes import DatabaseChanges
from accounts.models import KIND_BY_CODE, TRANSACTION_KINDS
from accounts.selectors.live_rows import (
    PlacedRow,
    ids_seen_from,
    newest_seen_from,
    rows_after,
    transactions_counted,
)
from accounts.selectors.positions import Position, current_position
from accounts.selectors.viewpoints import Viewpoint
from streaming import frames

log = logging.getLogger(__name__)

# A screen shows a dozen rows; more at once than this are told by their newest and their number.
ROWS_A_CHANGE: Final = 100
# Further behind than this, reading anew is cheaper than telling.
MOST_BEHIND: Final = 20_000
CHANGES_A_SECOND: Final = 4
_IDLE_S = 0.25
_FRESH_CONNECTION_S = 60.0
_TRANSACTIONS = {code for code, kind in KIND_BY_CODE.items() if kind in TRANSACTION_KINDS}


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """An entry as browsers get it, with what decides who may."""

    entry_id: int
    branch_id: int | None
    is_transaction: bool
    text: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A change as one viewpoint sees it: its rows, oldest first, and its transactions' number."""

    rows: tuple[EncodedRow, ...]
    count: int
    complete: bool = True

    def after(self, entry_id: int) -> "Excerpt":
        """Leave out what somebody has seen who stands at ``entry_id``. Of complete ones only."""
        return excerpt_of(row for row in self.rows if row.entry_id > entry_id)


@dataclass(frozen=True, slots=True)
class Change:
    """What the ledger gained from entry ``after`` (excluded) to ``position``."""

    after: int
    position: Position
    # All of it; None where it was too much.
    rows: tuple[EncodedRow, ...] | None = None
    # What is seen through filters; from every viewpoint where not all rows are here.
    excerpts: Mapping[Viewpoint, Excerpt] = field(default_factory=dict)
    # The ledger is another one, or too far ahead: whoever follows must read anew.
    is_break: bool = False

    def seen_from(self, viewpoint: Viewpoint) -> Excerpt | None:
        """Give the viewpoint's part; None where only reading anew gives it."""
        if viewpoint in self.excerpts or viewpoint.chosen or self.rows is None:
            return self.excerpts.get(viewpoint)
        audience = viewpoint.audience
        return excerpt_of(row for row in self.rows if audience.sees(row.branch_id))


def excerpt_of(rows: Iterable[EncodedRow]) -> Excerpt:
    """Make an excerpt of all of ``rows``."""
    taken = tuple(rows)
    return Excerpt(taken, sum(row.is_transaction for row in taken))


def encode_rows(placed: Iterable[PlacedRow]) -> tuple[EncodedRow, ...]:
    """Encode each row once, for everybody."""
    return tuple(
        EncodedRow(
            entry_id=each.entry_id,
            branch_id=each.branch_id,
            is_transaction=each.row.kind in _TRANSACTIONS,
            text=frames.encoded(each.row),
        )
        for each in placed
    )


class LedgerFeed:
    """A thread that watches the database's change counter and reads what the ledger gained.

    ``on_change`` is called for each change in order, first with a break that names where the
    feed begins; ``on_commit`` after any commit to the database, whatever it was. Both are
    called in the feed's thread and must return at once. A database that cannot be asked is
    asked again until it can; nothing is skipped. ``on_failure`` is told of whatever else ends
    the thread: no more comes of this feed then.
    """

    def __init__(
        self,
        *,
        viewpoints: Callable[[], Collection[Viewpoint]],
        on_change: Callable[[Change], None],
        on_commit: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._viewpoints = viewpoints
        self._on_change = on_change
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._position: Position | None = None
        self._stopped = threading.Event()
        self._pace = _Pace(CHANGES_A_SECOND)
        self._is_failing = False
        self._looked_at = self._connected_at = 0.0
        self._thread = threading.Thread(target=self._follow, name="ledger-feed", daemon=True)

    @property
    def seconds_since_look(self) -> float:
        """How long ago the database last answered."""
        return time.monotonic() - self._looked_at

    def start(self) -> None:
        """Begin to follow, from the ledger's end."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does within a quarter of a second."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for the end of the thread."""
        self._thread.join()

    def _follow(self) -> None:
        try:
            with closing(connection), closing(DatabaseChanges()) as changes:
                while not self._stopped.is_set():
                    self._step(changes)
        except Exception as error:
            self._on_failure(error)

    def _step(self, changes: DatabaseChanges) -> None:
        if not changes.wait(_IDLE_S):
            self._looked_at = time.monotonic()
            return
        try:
            self._renew_connection()
            self._look()
        except DatabaseError as reason:
            self._note_failure(reason)
            changes.close()
            self._stopped.wait(0.25)
        else:
            self._is_failing = False
            self._looked_at = time.monotonic()
            self._on_commit()

    def _look(self) -> None:
        last = current_position()
        if last == self._position:
            return
        while wait_s := self._pace.seconds_to_wait():
            if self._stopped.wait(wait_s):
                return
            # More may have come meanwhile; it goes into the same change.
            last = current_position()
        change = self._change_to(last)
        self._position = last
        self._on_change(change)

    def _change_to(self, last: Position) -> Change:
        before = self._position
        if (
            before is None
            or before.epoch != last.epoch
            or not 0 < last.entry_id - before.entry_id <= MOST_BEHIND
        ):
            return Change(0, last, is_break=True)
        return _change(before.entry_id, last, self._viewpoints())

    def _renew_connection(self) -> None:
        # A connection costs more than what is read over it, so it is kept for a minute.
        if time.monotonic() - self._connected_at > _FRESH_CONNECTION_S:
            close_old_connections()
            self._connected_at = time.monotonic()

    def _note_failure(self, reason: DatabaseError) -> None:
        connection.close()
        if not self._is_failing:
            log.warning("The ledger feed waits for the database: %s", reason)
        self._is_failing = True


def _change(after: int, last: Position, viewpoints: Collection[Viewpoint]) -> Change:
    until = last.entry_id
    placed = rows_after(after, until=until, limit=ROWS_A_CHANGE + 1)
    if len(placed) > ROWS_A_CHANGE:
        return Change(
            after, last, excerpts={each: _excerpt(each, after, until) for each in viewpoints}
        )
    rows = encode_rows(placed)
    filtered = {each: _passing(each, rows, after, until) for each in viewpoints if each.chosen}
    return Change(after, last, rows, filtered)


def _passing(viewpoint: Viewpoint, rows: Iterable[EncodedRow], after: int, until: int) -> Excerpt:
    # The database decides what a filter lets through, here as on every page.
    seen = ids_seen_from(viewpoint, after=after, until=until)
    return excerpt_of(row for row in rows if row.entry_id in seen)


def _excerpt(viewpoint: Viewpoint, after: int, until: int) -> Excerpt:
    rows = newest_seen_from(viewpoint, after=after, until=until, limit=ROWS_A_CHANGE)
    count = transactions_counted(viewpoint, after=after, until=until)
    return Excerpt(encode_rows(rows), count, complete=len(rows) < ROWS_A_CHANGE)


class _Pace:
    """So many a second in the long run; as many at once after a while of none."""

    def __init__(self, a_second: int) -> None:
        self._most = self._saved = float(a_second)
        self._counted_at = time.monotonic()

    def seconds_to_wait(self) -> float:
        """Give 0 and count one more; or give the time after which to ask again."""
        now = time.monotonic()
        self._saved = min(self._most, self._saved + (now - self._counted_at) * self._most)
        self._counted_at = now
        if self._saved >= 1:
            self._saved -= 1
            return 0.0
        return (1 - self._saved) / self._most
