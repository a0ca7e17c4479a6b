"""Today's history files, read and checked: each row a fact with an id of its own."""

from accounts.history.facts import facts, opening
from accounts.history.files import open_history
from accounts.history.rows import BadLine, HistoryFile, HistoryNotUsable, HistoryRow
from accounts.history.survey import HistoryChanged, Survey, survey

__all__ = [
    "BadLine",
    "HistoryChanged",
    "HistoryFile",
    "HistoryNotUsable",
    "HistoryRow",
    "Survey",
    "facts",
    "open_history",
    "opening",
    "survey",
]
