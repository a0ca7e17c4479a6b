"""Sums that no column could hold."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, F, Func, Q, Sum

_HALF = 10**9


class ExactSum(Func):
    """The aggregate that adds up a column to an integer of any size; 0 for no rows.

    Many accounts can hold more together than 64 bits do, where SQLite's own sum fails. For
    aggregates over accounts; what is summed for one account fits a plain sum.
    """

    template = "%(expressions)s"
    arg_joiner = " || ':' || "
    output_field = BigIntegerField()

    def __init__(self, column: str, only: Q | None = None) -> None:
        super().__init__(Sum(F(column) / _HALF, filter=only), Sum(F(column) % _HALF, filter=only))

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Any]:
        return [_whole]


def _whole(halves: str | None, _expression: object, _connection: object) -> int:
    high, _separator, low = (halves or "0:0").partition(":")
    return int(high) * _HALF + int(low)
