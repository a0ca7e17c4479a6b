"""The dates that the bank takes: part of the outside contract (docs/event.md)."""

from datetime import date
from typing import Final

EARLIEST_DATE: Final = date(1900, 1, 1)
LATEST_DATE: Final = date(2199, 12, 31)
