"""Tables read part by part, so that neither memory nor the database's log grows behind it."""

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def in_parts(rows: "QuerySet[Row]", size: int = 1_000) -> Iterator[list[Row]]:
    """Give ``rows`` by ranges of their ids, without holding a cursor open."""
    in_order = rows.order_by("pk")
    part = list(in_order[:size])
    while part:
        yield part
        part = list(in_order.filter(pk__gt=part[-1].pk)[:size])
