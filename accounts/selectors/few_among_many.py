"""Finding a few entries in a very large ledger: of a small branch, or of an agent seldom here.

A page is read along the ledger's order until it is full, and no index says which entries are of a
branch or an agent: each would be paid for by every posting. Where hardly any entry passes, that way
leads through all of them, 17 seconds with five million. What is added here leaves nothing out, and
lets the database begin where something can be.
"""

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.cache import caches
from django.db.models import QuerySet, Sum

from accounts.models import BRANCH_ROLES, Account, Agent, Balance, Branch, Entry
from accounts.selectors import blocks
from accounts.selectors.filters import Filter
from accounts.selectors.positions import Position, current_position

# A branch with fewer entries has them put in order; of one with more, pages are soon full.
FEW_ENTRIES: Final = 20_000
# More accounts are not added up: they have more entries, or will have soon.
FEW_ACCOUNTS: Final = 2_000
# An agent with a page's rows among so many of the newest entries is no rare one.
NEWEST: Final = 10_000
_KEPT_S: Final = 60
_MOST_AGENTS: Final = 200
_MOST_RANGES: Final = 50


def few_among_many(
    entries: QuerySet[Entry], wanted: Filter, *, seen_by: Agent, length: int
) -> QuerySet[Entry]:
    """Give the same ``entries``, of which ``length`` are wanted, to be found where they can be.

    ``wanted`` is the filter that they pass, ``seen_by`` who may see them.
    """
    if wanted.accounts:
        return entries
    branch_id = _branch_of(wanted, seen_by)
    if branch_id is not None and _is_small(branch_id):
        numbers = Account.objects.filter(branch_id=branch_id).values("number")
        return entries.filter(account__in=numbers)
    if wanted.agent:
        end = current_position()
        newest = Entry.objects.filter(id__gt=end.entry_id - NEWEST, submitted_by=wanted.agent)
        if newest.order_by("-id")[:length].count() < length:
            return entries.filter(id__in=_places.of(wanted.agent, end))
    return entries


def _branch_of(wanted: Filter, seen_by: Agent) -> int | None:
    if seen_by.role in BRANCH_ROLES:
        # No branch has the id 0: whoever has none sees nothing, at once.
        return seen_by.branch_id or 0
    if not wanted.branch:
        return None
    return Branch.objects.filter(code=wanted.branch).values_list("id", flat=True).first()


def _is_small(branch_id: int) -> bool:
    """Say whether a branch has few entries, as of a minute ago: that decides no more than a way."""
    key = f"few-entries-{branch_id}"
    kept: bool | None = caches["process"].get(key)
    if kept is None:
        numbers = Account.objects.filter(branch_id=branch_id).values_list("number", flat=True)
        accounts = list(numbers[: FEW_ACCOUNTS + 1])
        posted = Balance.objects.filter(account_id__in=accounts).aggregate(sum=Sum("posted_count"))
        kept = len(accounts) <= FEW_ACCOUNTS and (posted["sum"] or 0) < FEW_ENTRIES
        caches["process"].set(key, kept, _KEPT_S)
    return kept


@dataclass(slots=True)
class _Known:
    """In which full blocks of a ledger an agent has entries, in order, and up to which block."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    epoch: str = ""
    full: int = 0
    blocks: list[int] = field(default_factory=list)


class _Places:
    """Where the agents that were asked for last have entries. For any thread.

    Entries never change, so what is known of a full block stays so.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def of(self, username: str, end: Position) -> QuerySet[Entry, int]:
        """Give the ids of an agent's entries, to be read where there are any."""
        with self._lock:
            known = self._known.setdefault(username, _Known())
            self._known.move_to_end(username)
            while len(self._known) > _MOST_AGENTS:
                self._known.popitem(last=False)
        full = end.entry_id // blocks.BLOCK
        with known.lock:
            if known.epoch != end.epoch:
                known.epoch, known.full, known.blocks = end.epoch, 0, []
            if full > known.full:
                known.blocks += _blocks_with(username, known.full, full)
                known.full = full
            with_any = known.blocks[: bisect_left(known.blocks, full)]
        own = Entry.objects.filter(submitted_by=username).order_by().values_list("id", flat=True)
        # Asked for in one condition, the database would rather go through all there are.
        stretches = (_within(own, first, last + 1) for first, last in _ranges(with_any))
        return own.filter(id__gte=full * blocks.BLOCK).union(*stretches, all=True)


_places: Final = _Places()


def _within(entries: QuerySet[Entry, Any], first: int, end: int) -> QuerySet[Entry, Any]:
    """Leave of ``entries`` those in the blocks from ``first`` to before ``end``."""
    return entries.filter(id__gte=first * blocks.BLOCK, id__lt=end * blocks.BLOCK)


def _blocks_with(username: str, first: int, end: int) -> Sequence[int]:
    entries = _within(Entry.objects.filter(submitted_by=username), first, end)
    return sorted(entries.order_by().values_list(blocks.block_of_id(), flat=True).distinct())


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give first and last of a few stretches that hold all numbers, the widest gaps between them.

    The numbers are in order.
    """
    if not numbers:
        return
    gaps = [place for place in range(1, len(numbers)) if numbers[place] - numbers[place - 1] > 1]
    widest = sorted(gaps, key=lambda place: numbers[place - 1] - numbers[place])
    first = 0
    for place in sorted(widest[: _MOST_RANGES - 1]):
        yield numbers[first], numbers[place - 1]
        first = place
    yield numbers[first], numbers[-1]
