"""In which order transactions are listed, and how a page goes on from the last row of another."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from django.db.models import F, Q, QuerySet

from accounts.models import Entry

Order = Literal["-date", "date", "account", "-account", "amount", "-amount", "balance", "-balance"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
NEWEST_FIRST: Final[Order] = "-date"

# An amount without its sign: the largest of either kind come together.
_COLUMNS: Final[Mapping[str, str]] = {
    "date": "business_date",
    "account": "account",
    "amount": "amount_minor",
    "balance": "balance_minor",
}


def order_named(name: str | None) -> Order:
    """Read the name of an order; the usual one for what is none."""
    return next((each for each in ORDERS if each == name), NEWEST_FIRST)


def in_order(entries: QuerySet[Entry], order: Order) -> QuerySet[Entry]:
    """Put entries in order; equal ones the newest first, but where dates go forward.

    Where there is no balance, it comes last.
    """
    column, is_falling = _COLUMNS[order.removeprefix("-")], order.startswith("-")
    by_column = F(column)
    if column != "balance_minor":
        primary = by_column.desc() if is_falling else by_column.asc()
    elif is_falling:
        primary = by_column.desc(nulls_last=True)
    else:
        primary = by_column.asc(nulls_last=True)
    return entries.order_by(primary, "id" if order == "date" else "-id")


def after(entries: QuerySet[Entry], mark: Entry, order: Order) -> QuerySet[Entry]:
    """Leave of ``entries`` what comes after ``mark`` in that order.

    By value, never by counting: what is posted meanwhile repeats no row and leaves out none.
    """
    column, is_falling = _COLUMNS[order.removeprefix("-")], order.startswith("-")
    later = Q(id__gt=mark.pk) if order == "date" else Q(id__lt=mark.pk)
    value = mark.account_id if column == "account" else getattr(mark, column)
    if value is None:
        return entries.filter(later, **{f"{column}__isnull": True})
    beyond = "lt" if is_falling else "gt"
    rest = Q(**{f"{column}__{beyond}": value}) | (Q(**{column: value}) & later)
    if column == "balance_minor":
        return entries.filter(rest | Q(balance_minor=None))
    # The second condition says nothing new, but lets an index on the column give the rows.
    return entries.filter(rest, **{f"{column}__{beyond}e": value})
