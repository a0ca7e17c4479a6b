"""What a history file is made of, whatever its format."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple, Protocol


class HistoryRow(NamedTuple):
    """A transaction as the file tells it. ``value_minor`` is below zero for a withdrawal."""

    line: int
    business_date: date
    account: str
    value_minor: int
    claimed_balance_minor: int


class BadLine(NamedTuple):
    """A line that is no transaction, and why."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.reason}."


class HistoryNotUsable(Exception):
    """The file as a whole is no history file; the text says why, in a line."""


class HistoryFile(Protocol):
    """A file that can be read from its beginning any number of times.

    What is appended after it was opened is not seen.
    """

    @property
    def most_rows(self) -> int:
        """How many rows there can be: an estimate from above."""

    def rows(self) -> Iterator[HistoryRow | BadLine]:
        """Give every row in the order of the file. May raise ``HistoryNotUsable``."""
