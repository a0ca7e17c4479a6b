"""The bank's history file: lines of ``transaction_date;account;transaction_value;balance``."""

import codecs
import os
from collections.abc import Iterator
from datetime import date
from typing import BinaryIO

from accounts.history.fields import (
    Malformed,
    read_account,
    read_balance,
    read_day,
    read_value,
    shown,
)
from accounts.history.rows import BadLine, HistoryNotUsable, HistoryRow

COLUMNS = ("transaction_date", "account", "transaction_value", "balance")
HEADER = ";".join(COLUMNS)
# No row is near this long; a file without line ends must not fill the memory.
LONGEST_LINE = 1024
# "01/01/2024;1;1;1" and the end of the line.
_SHORTEST_LINE = 17


class DelimitedHistory:
    """A history file in UTF-8, with or without a byte order mark, with LF or CRLF."""

    def __init__(self, file: BinaryIO, *, decimals: int) -> None:
        self._file = file
        self._decimals = decimals
        self._size = os.fstat(file.fileno()).st_size

    @property
    def most_rows(self) -> int:
        return self._size // _SHORTEST_LINE + 1

    def rows(self) -> Iterator[HistoryRow | BadLine]:
        lines = self._lines()
        _check_header(next(lines, (1, b""))[1])
        is_empty = True
        for number, line in lines:
            if line.strip():
                is_empty = False
                yield self._row(number, line)
        if is_empty:
            raise HistoryNotUsable("Line 2: the file has no transactions below its header.")

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Give each line with its number, up to where the file ended when it was opened."""
        self._file.seek(0)
        left, number = self._size, 0
        while left > 0 and (line := self._file.readline(min(left, LONGEST_LINE + 1))):
            number += 1
            left -= len(line)
            yield number, line
            while len(line) > LONGEST_LINE and not line.endswith(b"\n") and left > 0:
                line = self._file.readline(min(left, LONGEST_LINE + 1))
                left -= len(line)

    def _row(self, number: int, line: bytes) -> HistoryRow | BadLine:
        try:
            return HistoryRow(number, *_columns(line, self._decimals))
        except Malformed as malformed:
            return BadLine(number, str(malformed))


def _check_header(line: bytes) -> None:
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise HistoryNotUsable("Line 1: the file is UTF-16. Save it as UTF-8.")
    header = line.removeprefix(codecs.BOM_UTF8)
    if not header.strip():
        raise HistoryNotUsable(f"Line 1: the file is empty or lacks its header, {HEADER}.")
    found = header.decode("utf-8", "replace").strip()
    if [name.strip().casefold() for name in found.split(";")] != list(COLUMNS):
        whole = shown(found, most=2 * len(HEADER))
        raise HistoryNotUsable(f"Line 1: the header is {whole} and must be {HEADER}.")


def _columns(line: bytes, decimals: int) -> tuple[date, str, int, int]:
    if len(line) > LONGEST_LINE:
        raise Malformed(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        columns = line.decode("utf-8").strip("\r\n").split(";")
    except UnicodeDecodeError:
        raise Malformed("the line is not UTF-8 (Latin-1 perhaps): save the file as UTF-8") from None
    if len(columns) != len(COLUMNS):
        raise Malformed(f"there are {len(columns)} columns, not {len(COLUMNS)}")
    day, account, value, balance = columns
    return (
        read_day(day),
        read_account(account),
        read_value(value, decimals),
        read_balance(balance, decimals),
    )
