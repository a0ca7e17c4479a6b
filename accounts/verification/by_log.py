"""Rows beside the log: each message concluded again by the oracle, each row compared with it."""

from collections.abc import Iterator
from typing import cast
from uuid import UUID

from accounts.ledger.messages import Delivered
from accounts.models import DeadLetter, Entry, Log, LogPosition
from accounts.oracle import DEAD, REPEAT, Expected, Oracle
from accounts.selectors.noted import Noted
from accounts.verification import compared
from accounts.verification.by_rows import PartitionByRows
from accounts.verification.compared import stored_bytes
from accounts.verification.discrepancy import Discrepancy, differences
from accounts.verification.messages import LogUnreadable, Messages
from accounts.verification.partition import Partition


class PartitionByLog(Partition):
    """A partition of the log that the ledger follows.

    Its messages are read up to each entry, so that the partitions meet in the order in which
    the ledger met them. Where the log lacks messages, that is said, and the rows from there on
    are checked by themselves.
    """

    def __init__(
        self,
        log: Log,
        position: LogPosition,
        noted: Noted,
        oracle: Oracle,
        messages: Messages,
    ) -> None:
        super().__init__(log, position, noted, oracle)
        self._last_entry = noted.entry_id
        # Somebody may have set the next offset back, to have everything read again.
        last = -1 if position.last_offset is None else position.last_offset
        end = max(position.next_offset, last + 1)
        self._messages = messages(self.number, position.first_offset, end)
        self._ahead: Delivered | None = None
        self._last: Delivered | None = None
        self._last_digest: bytes | None = None
        self._waiting: tuple[Delivered, Expected] | None = None
        # What was found on the way to the message in hand, and at its place.
        self._surplus: list[DeadLetter] = []
        self._dead_letter: DeadLetter | None = None
        self._instead: PartitionByRows | None = None
        self._noted = noted

    def row(self, entry: Entry) -> Iterator[Discrepancy]:
        """Check the next entry of the partition."""
        if self._instead is not None:
            yield from self._instead.row(entry)
        elif entry.offset < (self._waiting[0].offset if self._waiting else self.next_offset):
            yield from self.is_passed(entry)
        else:
            yield from self._up_to(entry)

    def finish(self) -> Iterator[Discrepancy]:
        """Check what is left behind the last entry, and the position."""
        if self._instead is None:
            yield from self._up_to(None)
        if self._instead is not None:
            yield from self._instead.finish()
            return
        for row in self.dead_letters.take_before(None):
            yield self.about(row, "stands for no message that is dead")
        yield from self.check_position()
        yield from self._check_last()

    def _up_to(self, entry: Entry | None) -> Iterator[Discrepancy]:
        """Conclude the messages up to that of ``entry``, or all, and look for their rows."""
        try:
            for message, expected in self._concluded(entry.offset if entry else None):
                yield from self._check_dead_letters(expected, message)
                if expected.fate in {DEAD, REPEAT}:
                    continue
                row = self._row_of(expected, entry)
                if row and entry and row.pk > entry.pk:
                    # Its message waits for it, so that the partitions are not read apart.
                    self._waiting = message, expected
                    yield self.about(entry, "stands before rows of earlier messages")
                    return
                yield from self._check_entry(row, expected, message)
                if row and row == entry:
                    return
        except LogUnreadable as reason:
            yield self.at(self.next_offset, f"the log cannot be read on: {reason}")
            self._instead = self._by_rows()
            if entry is not None:
                yield from self._instead.row(entry)
            return
        if entry is not None:
            yield self.about(entry, "is the outcome of no message there")

    def _concluded(self, offset: int | None) -> Iterator[tuple[Delivered, Expected]]:
        """Give the messages up to ``offset``, or all, with what they have to become."""
        if self._waiting:
            waiting, self._waiting = self._waiting, None
            yield waiting
        while message := self._ahead or next(self._messages, None):
            self._ahead = message
            if offset is not None and message.offset > offset:
                return
            self._ahead = None
            yield message, self._conclude(message)

    def _conclude(self, message: Delivered) -> Expected:
        self._surplus += self.dead_letters.take_before(message.offset)
        self._dead_letter = self.dead_letters.take_at(message.offset)
        expected = self.oracle.read(
            self.number,
            message.offset,
            message.key,
            message.value,
            stored_bytes(self._dead_letter.link) if self._dead_letter else None,
        )
        self.next_offset = message.offset + 1
        self._last, self._last_digest = message, expected.digest
        return expected

    def _row_of(self, expected: Expected, current: Entry | None) -> Entry | None:
        """Give the row of a message: the current one, or one that is somewhere else."""
        if current is not None and current.transaction_id == expected.transaction_id:
            return current
        elsewhere = (
            Entry.objects.filter(pk__lte=self._last_entry)
            .filter(transaction_id=cast(UUID, expected.transaction_id))
            .first()
        )
        is_here = current is not None and current.offset == expected.offset
        return elsewhere or (current if is_here else None)

    def _check_entry(
        self, row: Entry | None, expected: Expected, message: Delivered
    ) -> Iterator[Discrepancy]:
        if row is None:
            yield Discrepancy(
                what=f"no entry is there for this message, which has to be {expected.fate}",
                account=expected.account,
                transaction_id=expected.transaction_id,
                topic=self.log.topic,
                partition=self.number,
                offset=message.offset,
            )
            return
        found = compared.of_entry(row, expected, message, self.log.pk)
        if found:
            yield self.about(row, f"differs from its message: {found}")

    def _check_dead_letters(self, expected: Expected, message: Delivered) -> Iterator[Discrepancy]:
        """Look whether the message has a dead letter just where it has to, and none before it."""
        row, self._dead_letter = self._dead_letter, None
        if expected.fate != DEAD:
            self._surplus += [row] if row else []
        elif row is None:
            yield self.at(message.offset, f"no dead letter is there: {expected.reason}")
        elif found := compared.of_dead_letter(row, expected, message):
            yield self.about(row, f"differs from its message: {found}")
        while self._surplus:
            yield self.about(self._surplus.pop(), "stands for no message that is dead")

    def _by_rows(self) -> PartitionByRows:
        link = self.oracle.links[self.number]
        instead = PartitionByRows(self.log, self.position, self._noted, self.oracle)
        self.oracle.links[self.number] = link
        instead.dead_letters, instead.next_offset = self.dead_letters, self.next_offset
        return instead

    def _check_last(self) -> Iterator[Discrepancy]:
        """Compare what the position remembers of the last message."""
        last, position = self._last, self.position
        found = differences(
            (
                ("next_offset", position.next_offset, self.next_offset),
                ("last_offset", position.last_offset, last.offset if last else None),
                ("last_digest", stored_bytes(position.last_digest), self._last_digest),
                ("leader_epoch", position.leader_epoch, last.leader_epoch if last else -1),
            )
        )
        if found:
            yield self.at(last.offset if last else None, f"the position's {found}")
        if position.repeats < self.counts[REPEAT]:
            yield self.at(
                None, f"the position's repeats is {position.repeats}, not {self.counts[REPEAT]}"
            )
