"""Which panel is asked for, and how it wants to be shown."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import msgspec

from accounts.selectors.orders import NEWEST_FIRST, Order

Measure = Literal["amount", "count", "in", "out"]
Height = Literal["low", "usual", "tall"]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A panel by its name. What follows concerns those panels only that have use for it.

    ``by`` is what accounts are set in order by, ``sort`` the order of rows, ``page`` counts from
    0, and ``find`` is a part of an account's number or of its holder's name.
    """

    name: Annotated[str, msgspec.Meta(max_length=40)]
    height: Height = "usual"
    by: Measure = "amount"
    page: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    sort: Order = NEWEST_FIRST
    find: Annotated[str, msgspec.Meta(max_length=60)] = ""

    def rows(self, low: int, usual: int, tall: int) -> int:
        """Choose a number of rows by the panel's height."""
        return {"low": low, "usual": usual, "tall": tall}[self.height]


def asked_in(query: Mapping[str, str], name: str, height: Height = "usual") -> Asked:
    """Read a panel's own part of an address: ``heat_by``, ``heat_page``, ``period_sort``.

    What is said wrongly is as if it were left out.
    """
    own: dict[str, object] = {"name": name, "height": query.get(f"{name}_height", height)}
    for option in ("by", "page", "find", "sort"):
        if text := query.get(f"{name}_{option}"):
            own[option] = text
    try:
        return msgspec.convert(own, Asked, strict=False)
    except msgspec.ValidationError:
        return Asked(name, height)


def words_sought(panels: Iterable[Asked]) -> set[str]:
    """Give what ``panels`` look for among the accounts. Whoever asks for it searches."""
    return {words for each in panels if (words := each.find.strip())}
