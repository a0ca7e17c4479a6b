"""What the log had taken by a past moment, found without an index on the time of the log.

Entries are appended in nearly the order in which the log took them: partitions run beside each
other, and a consumer that was away catches up. So the least and the greatest time of each block
of entries are noted once; they never change. Blocks wholly before a moment are known at it, those
wholly after it are not, and only in the blocks between must each entry be asked.
"""

import threading
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, IntegerField, Max, Min, Q
from django.db.models.functions import Cast

from accounts.models import Entry
from accounts.selectors.positions import Position, current_epoch

_BLOCK: Final = 4_096


@dataclass(frozen=True, slots=True)
class KnownAt:
    """Which entries the log had taken at a moment: all up to ``sure``, and none beyond ``unsure``.

    Between these it is their time that tells.
    """

    at_ms: int
    sure: int
    unsure: int

    @property
    def condition(self) -> Q:
        """The condition that an entry was known."""
        asked = Q(id__lte=self.unsure, logged_at_ms__lte=self.at_ms)
        return Q(id__lte=self.unsure) & (Q(id__lte=self.sure) | asked)


class _Blocks:
    """The least and the greatest time of each full block of one ledger. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = ""
        self._blocks: list[tuple[int, int]] = []

    def up_to(self, position: Position) -> list[tuple[int, int]]:
        """Give the times of block after block of ``_BLOCK`` ids; the last one may be growing."""
        full = position.entry_id // _BLOCK
        with self._lock:
            if self._epoch != position.epoch:
                self._epoch, self._blocks = position.epoch, []
            if full > len(self._blocks):
                self._blocks = [*self._blocks, *_times(len(self._blocks), full)]
            known = self._blocks[:full]
        return [*known, *_times(full, full + 1)]


_blocks: Final = _Blocks()


def known_at(at_ms: int) -> KnownAt:
    """Tell which entries were known at a moment. Call it within a ``snapshot``."""
    last = Entry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    blocks = _blocks.up_to(Position(current_epoch(), last))
    sure = 0
    while sure < len(blocks) and blocks[sure][1] <= at_ms:
        sure += 1
    unsure = len(blocks)
    while unsure > sure and blocks[unsure - 1][0] > at_ms:
        unsure -= 1
    return KnownAt(at_ms, sure * _BLOCK - 1, unsure * _BLOCK - 1)


def first_moment() -> int | None:
    """Give the time of the first entry; nothing was known before. None for an empty ledger."""
    return Entry.objects.order_by("id").values_list("logged_at_ms", flat=True).first()


def _times(first: int, end: int) -> list[tuple[int, int]]:
    """Read the times of the blocks from ``first`` to before ``end``; an empty one has none."""
    block = Cast(F("id") / _BLOCK, IntegerField())
    rows: Any = (
        Entry.objects.filter(id__gte=first * _BLOCK, id__lt=end * _BLOCK)
        .order_by()
        .values_list(block)
        .annotate(Min("logged_at_ms"), Max("logged_at_ms"))
    )
    found = {number: (least, greatest) for number, least, greatest in rows}
    # Of an empty block anything may be said: it is before and after every moment.
    return [found.get(number, (_NEVER, -_NEVER)) for number in range(first, end)]


_NEVER: Final = 2**62
