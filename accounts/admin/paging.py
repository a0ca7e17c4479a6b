"""Pages of a table of any size: the newest rows, counted no further than they are listed."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST_LISTED = 5_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts and lists at most ``MOST_LISTED`` rows: counting a million takes seconds a page."""

    most_listed = MOST_LISTED

    @property
    def count(self) -> int:
        return min(self._counted, self.most_listed)

    @property
    def is_cut(self) -> bool:
        """Whether there are rows that no page lists."""
        return self._counted > self.most_listed

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most_listed + 1].count())
