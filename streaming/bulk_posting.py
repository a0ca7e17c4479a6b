"""Posts a backlog: concludes a batch while a process of its own writes the one before."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from django.db import connection

from accounts.database_troubles import CANNOT_SERVE
from accounts.ledger.ahead import Ahead, NotPlain
from accounts.ledger.conclusions import Refused, Understood
from accounts.ledger.messages import LogIdentity
from accounts.ledger.posting import Outcomes
from accounts.ledger.writer import Writer
from streaming.occupancy import ledger_lock_path

# Below, a batch is no backlog, and quicker posted than handed over.
FEWEST_AHEAD: Final = 500
# One is written, one waits for that: enough that the writer never waits for us.
MOST_UNDERWAY: Final = 2
# A process that has nothing to write is kept for so long.
_LINGER_S: Final = 30.0
# Where it cannot begin, it is not tried again for so long.
_IN_VAIN_S: Final = 60.0
# Where one message came twice, others are likely to.
_WARY_BATCHES: Final = 100

Messages = Sequence[Understood | Refused]
Posted = Callable[[Messages, Outcomes], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages, and the next offset of each of their partitions before them."""

    messages: Messages
    expected: Mapping[int, int]


class Hindered(Exception):
    """These ``batches``, in their order, are not written, or it is not known whether they are."""

    def __init__(self, reason: str, batches: Sequence[Batch]) -> None:
        super().__init__(reason)
        self.batches = batches


def can_post_ahead() -> bool:
    """Say whether the ledger is an SQLite file, and this machine has what writes it apart."""
    return (
        connection.vendor == "sqlite"
        and Path(connection.settings_dict["NAME"]).is_file()
        and find_spec("apsw") is not None
    )


class BulkPosting:
    """Batches on their way into the ledger, in their order.

    ``posted`` is called for each once it is written, with its messages and outcomes. Nothing may
    be posted by other means meanwhile.
    """

    def __init__(self, log_id: int, identity: LogIdentity, posted: Posted) -> None:
        self._log_id = log_id
        self._identity = identity
        self._posted = posted
        self._writer: Writer | None = None
        self._ahead: Ahead | None = None
        self._underway: deque[tuple[Batch, Outcomes]] = deque()
        self._wary_for = 0
        self._used_at = 0.0
        self._not_before = 0.0

    @property
    def is_possible(self) -> bool:
        """Whether the process that writes may be there, or has not been in vain just now."""
        return time.monotonic() >= self._not_before

    @property
    def is_underway(self) -> bool:
        """Whether something is not written yet."""
        return bool(self._underway)

    def take(self, batch: Batch) -> Mapping[int, int]:
        """Conclude ``batch`` and have it written; give the next offsets after it.

        Waits while too many are on their way. Raises ``Hindered`` where one cannot be written
        like this; that and those after it are for ``post_batch``.
        """
        if self._ahead is not None and self._ahead.is_full:
            self.finish()
        try:
            while len(self._underway) >= MOST_UNDERWAY:
                self._take_answer()
            prepared = self._books().conclude(batch.messages, batch.expected)
            if self._writer is None:
                self._writer = _begun_writer()
        except Hindered as reason:
            raise Hindered(str(reason), [*reason.batches, batch]) from reason
        except (NotPlain, OSError, *CANNOT_SERVE) as reason:
            self._finish_before(batch)
            raise Hindered(str(reason), [batch]) from reason
        self._writer.begin(prepared.steps)
        self._underway.append((batch, prepared.outcomes))
        self._note_repeats(prepared.outcomes.repeats)
        return prepared.outcomes.following

    def finish(self) -> None:
        """Wait until all is written, and forget the books; raises ``Hindered`` likewise."""
        while self._underway:
            self._take_answer()
        self._ahead = None

    def rest(self) -> None:
        """End the writing process where it has had nothing to do for long."""
        if self._writer and not self._underway and time.monotonic() - self._used_at > _LINGER_S:
            self.close()

    def close(self) -> None:
        """End the writing process. What is underway may have been written or not."""
        self._underway.clear()
        self._ahead = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _books(self) -> Ahead:
        if self._ahead is None:
            self._ahead = Ahead(self._log_id, self._identity, looks_up_ids=self._wary_for > 0)
        return self._ahead

    def _finish_before(self, batch: Batch) -> None:
        try:
            self.finish()
        except Hindered as reason:
            raise Hindered(str(reason), [*reason.batches, batch]) from reason

    def _take_answer(self) -> None:
        assert self._writer is not None  # noqa: S101 # since something is underway
        written = self._writer.wait()
        self._used_at = time.monotonic()
        if not written.is_written:
            batches = [batch for batch, _outcomes in self._underway]
            self._wary_for = _WARY_BATCHES
            if self._writer.cannot_begin:
                self._not_before = time.monotonic() + _IN_VAIN_S
            self.close()
            raise Hindered(written.hindrance, batches)
        batch, outcomes = self._underway.popleft()
        self._books().note_written()
        outcomes = replace(
            outcomes,
            waited_s=written.waited_s,
            held_s=written.held_s,
            was_waited_for=written.was_waited_for,
        )
        self._posted(batch.messages, outcomes)

    def _note_repeats(self, repeats: int) -> None:
        self._wary_for = _WARY_BATCHES if repeats else max(0, self._wary_for - 1)
        self._books().looks_up_ids = self._wary_for > 0


def _begun_writer() -> Writer:
    options = connection.settings_dict["OPTIONS"]
    pragmas = [each for each in options["init_command"].split(";") if each]
    return Writer(Path(connection.settings_dict["NAME"]), ledger_lock_path(), pragmas)
