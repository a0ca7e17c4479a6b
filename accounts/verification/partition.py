"""One partition of one log: its rows in order, whichever way they are checked."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator

from accounts.models import DeadLetter, Entry, Log, LogPosition
from accounts.oracle import Oracle
from accounts.selectors.noted import Noted
from accounts.verification.compared import whole_bytes
from accounts.verification.discrepancy import Discrepancy, differences
from accounts.verification.rows import DeadLetterRows


class Partition(ABC):
    """What the ledger holds of a partition, and how far the check has come.

    ``row`` takes the partition's entries in the ledger's order; ``finish`` comes after the last.
    Both give what they find. ``next_offset`` is the first offset not met yet.
    """

    def __init__(self, log: Log, position: LogPosition, noted: Noted, oracle: Oracle) -> None:
        self.log = log
        self.position = position
        self.number = position.partition
        self.dead_letters = DeadLetterRows(position, noted.dead_letter_id)
        self.oracle = oracle
        self.oracle.links[self.number] = whole_bytes(position.first_link)
        self.next_offset = position.first_offset
        self.counts = self.oracle.counts.setdefault(self.number, Counter())

    @abstractmethod
    def row(self, entry: Entry) -> Iterator[Discrepancy]:
        """Check the next entry of the partition."""

    @abstractmethod
    def finish(self) -> Iterator[Discrepancy]:
        """Check what is left behind the last entry, and the position."""

    def is_passed(self, entry: Entry) -> Iterator[Discrepancy]:
        """Give that a row, or a message, of this place was met before."""
        yield self.about(
            entry,
            "stands behind a later message of its partition: the row was added, or rows are "
            "out of order",
        )

    def about(self, row: Entry | DeadLetter, what: str) -> Discrepancy:
        """Give a discrepancy of ``row``."""
        return Discrepancy(
            what=f"{'entry' if isinstance(row, Entry) else 'dead letter'} {row.pk} {what}",
            account=row.account_id if isinstance(row, Entry) else None,
            transaction_id=row.transaction_id,
            topic=self.log.topic,
            partition=row.partition,
            offset=row.offset,
        )

    def at(self, offset: int | None, what: str) -> Discrepancy:
        """Give a discrepancy at ``offset``, or of the partition."""
        return Discrepancy(what=what, topic=self.log.topic, partition=self.number, offset=offset)

    def check_position(self) -> Iterator[Discrepancy]:
        """Compare the position with what the rows, or the messages, came to."""
        position = self.position
        found = differences(
            (
                ("link", whole_bytes(position.link), self.oracle.links[self.number]),
                *(
                    (name, getattr(position, name), self.counts[name])
                    for name in ("transactions", "posted", "rejected", "dead")
                ),
            )
        )
        if found:
            yield self.at(None, f"the position's {found}")
        if self.next_offset > position.next_offset:
            yield self.at(
                position.next_offset,
                f"the position says that this is next, and rows reach {self.next_offset - 1}",
            )
