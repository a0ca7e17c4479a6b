"""The first reading of a history file: everything wrong with it, and what the second must know."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from accounts.history.rows import BadLine, HistoryFile, HistoryRow

BAD_LINES_NAMED = 20

_BITS_A_ROW = 16
_LEAST_BITS, _MOST_BITS = 1 << 16, 1 << 28
_HASH_MASK = (1 << 64) - 1


class HistoryChanged(Exception):
    """The file is no longer what it was at the first reading."""

    def __init__(self) -> None:
        super().__init__("The file was changed while it was read. Import it again.")


class Repetitions:
    """Which rows may occur more than once, in a few bits a row (a Bloom filter).

    Numbering identical rows by a dictionary of all rows would hold the whole file.
    """

    def __init__(self, most_rows: int) -> None:
        wanted = min(max(most_rows * _BITS_A_ROW, _LEAST_BITS), _MOST_BITS)
        bits = 1 << (wanted - 1).bit_length()
        self._mask = bits - 1
        self._bits = bytearray(bits >> 3)
        self._repeated: set[int] = set()
        self._seen: dict[str, int] = {}

    def note(self, identity: str) -> None:
        """Take in one row of the first reading."""
        digest = hash(identity) & _HASH_MASK
        first, step = digest & 0xFFFFFFFF, (digest >> 32) | 1
        is_new = False
        for place in (first, first + step, first + 2 * step):
            index, bit = (place & self._mask) >> 3, 1 << (place & 7)
            if not self._bits[index] & bit:
                is_new = True
                self._bits[index] |= bit
        if not is_new:
            self._repeated.add(digest)

    def start_again(self) -> None:
        """Begin to number rows from the beginning of the file."""
        self._seen.clear()

    def number(self, identity: str) -> int:
        """Say how many identical rows this reading has met before this one."""
        if hash(identity) & _HASH_MASK not in self._repeated:
            return 0
        count = self._seen.get(identity, 0)
        self._seen[identity] = count + 1
        return count


@dataclass
class Survey:
    """What a file holds. ``bad_lines`` has the first twenty of ``bad_count``."""

    repetitions: Repetitions
    row_count: int = 0
    bad_count: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    # The accounts met, each with its earliest date.
    accounts: dict[str, date] = field(default_factory=dict)
    checksum: int = 0

    def take_bad(self, bad: BadLine) -> None:
        """Count a bad line, and keep it while there are few."""
        self.bad_count += 1
        if len(self.bad_lines) < BAD_LINES_NAMED:
            self.bad_lines.append(bad)


def survey(history: HistoryFile) -> Survey:
    """Read all of ``history`` and check each line, in bounded memory."""
    found = Survey(Repetitions(history.most_rows))
    for row in history.rows():
        if isinstance(row, BadLine):
            found.take_bad(row)
            continue
        identity = identity_of(row)
        found.row_count += 1
        first = found.accounts.get(row.account, row.business_date)
        found.accounts[row.account] = min(first, row.business_date)
        found.checksum = (found.checksum + hash(identity)) & _HASH_MASK
        found.repetitions.note(identity)
    return found


def numbered_rows(history: HistoryFile, found: Survey) -> Iterator[tuple[HistoryRow, str]]:
    """Read the good rows again, each with the text that its transaction id is derived from.

    The text has account, date, value, claimed balance and the how-manieth identical row: a
    grown or reordered file gives each row the id that it had. Raises ``HistoryChanged`` at
    the end where the rows were not those that ``found`` is about.
    """
    found.repetitions.start_again()
    count = checksum = 0
    for row in history.rows():
        if isinstance(row, BadLine):
            continue
        identity = identity_of(row)
        count += 1
        checksum = (checksum + hash(identity)) & _HASH_MASK
        yield row, f"{identity};{found.repetitions.number(identity)}"
    if (count, checksum) != (found.row_count, found.checksum):
        raise HistoryChanged


def identity_of(row: HistoryRow) -> str:
    """Give what makes two rows identical, as text."""
    return (
        f"{row.account};{row.business_date.isoformat()};{row.value_minor};"
        f"{row.claimed_balance_minor}"
    )
