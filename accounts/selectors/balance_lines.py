"""The course of an account's balance over business dates: step by step, or as an envelope."""

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from accounts.models import (
    TRANSACTION_KINDS,
    Account,
    DailyTotal,
    Entry,
    Kind,
    Outcome,
)
from accounts.selectors.blocks import all_below
from accounts.selectors.known import known_at
from accounts.selectors.periods import Period, beginning_of
from accounts.selectors.positions import current_epoch, current_position

# Up to so many transactions each is a step. Beyond, the line is an envelope of as many spans.
MOST_STEPS: Final = 500
SPANS: Final = 250
# Beyond this many the envelope goes from day to day: of every day the balance at its end.
MOST_READ: Final = 50_000


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A moment, the balance from then on, and by how much it changed."""

    at_ms: int
    balance_minor: int
    change_minor: int


class Span(msgspec.Struct, frozen=True, array_like=True):
    """The last moment of a span that anything happened, and the balances within it.

    The lowest and the highest that the account stood at, the one it begins with among them,
    and the last one.
    """

    at_ms: int
    low_minor: int
    high_minor: int
    balance_minor: int


class Course(msgspec.Struct, frozen=True):
    """How a balance went, as steps or as spans. ``is_daily``: spans know the ends of days only."""

    steps: list[Step]
    spans: list[Span]
    is_daily: bool
    number: int


class BalanceLine(msgspec.Struct, frozen=True):
    """An account's balance now, where it stood when the period began, and its course since.

    The order is that of business dates, and within one date the ledger's, so a step need not
    be the balance that was posted at the time; the last one of an open period is the balance
    now.
    """

    account: str
    holder: str
    balance_minor: int
    start_minor: int
    number: int
    is_daily: bool
    steps: list[Step]
    spans: list[Span]


Move = tuple[date, int, int, int]  # business date, entry, logged at, change
Moved = tuple[int, int]  # a moment, and by how much the balance changed


def balance_line(
    account: Account, balance_minor: int, period: Period, *, as_of: int | None = None
) -> BalanceLine:
    """Give the line of one account, which comes with its ``balance`` and is the agent's to see.

    Call it within a ``snapshot``.
    ``as_of`` is the moment, in milliseconds, as of which it is told: the log had nothing later.
    ``balance_minor`` is what the account held then, or holds.
    """
    start_minor, course = _kept.course(account, period, balance_minor, as_of)
    return BalanceLine(
        account=account.number,
        holder=account.holder,
        balance_minor=balance_minor,
        start_minor=start_minor,
        number=course.number,
        is_daily=course.is_daily,
        steps=course.steps,
        spans=course.spans,
    )


@dataclass(slots=True)
class _Course:
    """What was read of one account in one period, and up to which entry of which ledger."""

    epoch: str = ""
    posted_count: int = 0
    last_id: int = 0
    start_minor: int = 0
    moves: list[Move] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    course: Course = field(default_factory=lambda: Course([], [], is_daily=False, number=0))


_Place = tuple[str, Period, int | None]  # account, dates, moment


class _Courses:
    """The courses that were asked for last, bounded in memory. For any thread.

    An account's posted entries are counted, so the same count in the same ledger is the same
    course. A greater one is brought forward by the entries that came after the last that is known;
    that of a past moment is the same as long as the log had none of these by then.
    """

    def __init__(self, most_moves: int = 200_000, most_kept: int = 1_000) -> None:
        self._most_moves = most_moves
        # A course without a move takes room too, and a filter may name any dates.
        self._most_kept = most_kept
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Place, _Course] = OrderedDict()

    def course(
        self, account: Account, period: Period, balance_minor: int, as_of: int | None
    ) -> tuple[int, Course]:
        """Give the balance at the beginning of the period, and its course in it.

        ``balance_minor`` is the balance at the end of all, now or as it was known at a moment.
        """
        place, epoch = (account.number, period, as_of), current_epoch()
        with self._lock:
            known = self._kept.get(place)
            if known is not None:
                self._kept.move_to_end(place)
        if known is None or known.epoch != epoch or known.posted_count > _posted(account):
            known = _Course(epoch)
        if known.posted_count != _posted(account):
            if as_of is None:
                known = _brought_forward(known, account, period)
            else:
                known = _known_course(known, account, period, balance_minor, as_of)
            self._keep(place, known)
        return known.start_minor, known.course

    def _keep(self, place: _Place, course: _Course) -> None:
        with self._lock:
            self._kept[place] = course
            self._kept.move_to_end(place)
            while len(self._kept) > 1 and self._is_too_much():
                self._kept.popitem(last=False)

    def _is_too_much(self) -> bool:
        moves = sum(len(each.moves) for each in self._kept.values())
        return len(self._kept) > self._most_kept or moves > self._most_moves


_kept: Final = _Courses()


def _posted(account: Account) -> int:
    return int(account.balance.posted_count)


def _brought_forward(known: _Course, account: Account, period: Period) -> _Course:
    """Add what came since, or read the period anew where nothing is known of it, or too much came.

    Only with too much of it a course goes from day to day, so there its moves are not known.
    """
    is_read = known.last_id and not known.course.is_daily
    new = _moves(_entries(account, Period()), since=known.last_id) if is_read else []
    before = [move for move in new if period.first and move[0] < period.first]
    within = [move for move in new if period.has(move[0])]
    number = known.course.number + len(within)
    if not is_read or len(new) > MOST_READ or number > MOST_READ:
        return _read_anew(known.epoch, account, period)
    start_minor = known.start_minor + sum(minor for *_place, minor in before)
    found = _Course(known.epoch, _posted(account), current_position().entry_id, start_minor)
    # What was before the days of the new moves stays as it is.
    cut = bisect_left(known.moves, within[0][:1]) if within else len(known.moves)
    rest = sorted([*known.moves[cut:], *within])
    found.moves = [*known.moves[:cut], *rest]
    found.moved = [*known.moved[:cut], *_at_moments(rest)]
    found.course = _course(start_minor, found.moved, is_daily=False, number=number)
    return found


def _read_anew(epoch: str, account: Account, period: Period) -> _Course:
    since = DailyTotal.objects.filter(
        account=account.number, **Period(period.first).lookups("business_date")
    )
    dated = period.lookups("business_date")
    sums = since.aggregate(
        moved=Coalesce(Sum(_signed()), 0),
        number=Coalesce(Sum("count", filter=Q(**dated) if dated else None), 0),
    )
    start_minor = account.balance.balance_minor - int(sums["moved"])
    number = int(sums["number"])
    found = _Course(epoch, _posted(account), current_position().entry_id, start_minor)
    if number > MOST_READ:
        moved = _by_day(since.filter(**dated))
        found.course = _course(start_minor, moved, is_daily=True, number=number)
        return found
    found.moves = _moves(_entries(account, period))
    found.moved = _at_moments(found.moves)
    found.course = _course(start_minor, found.moved, is_daily=False, number=number)
    return found


def _known_course(
    known: _Course, account: Account, period: Period, balance_minor: int, as_of: int
) -> _Course:
    newer = Entry.objects.filter(account=account, id__gt=known.last_id, logged_at_ms__lte=as_of)
    last_id = current_position().entry_id
    found = replace(known, posted_count=_posted(account), last_id=last_id)
    if known.last_id and not newer.exists():
        return found
    condition = known_at(as_of).condition
    since = _entries(account, Period(period.first)).filter(condition)
    within = _entries(account, period).filter(condition)
    dated = Q(**period.lookups("business_date"))
    sums = since.aggregate(
        moved=Coalesce(Sum(_signed()), 0), number=Count("id", filter=dated if dated else None)
    )
    number = int(sums["number"])
    is_daily = number > MOST_READ
    moved = _by_day(within) if is_daily else _at_moments(_moves(within))
    found.start_minor = balance_minor - int(sums["moved"])
    found.course = _course(found.start_minor, moved, is_daily=is_daily, number=number)
    return found


def _signed() -> Case:
    taken = When(kind=Kind.WITHDRAWAL, then=-F("amount_minor"))
    return Case(taken, default=F("amount_minor"), output_field=BigIntegerField())


def _course(start_minor: int, moved: Sequence[Moved], *, is_daily: bool, number: int) -> Course:
    if number <= MOST_STEPS:
        return Course(list(_added_up(start_minor, moved)), [], is_daily, number)
    return Course([], _envelope(start_minor, moved), is_daily, number)


def _entries(account: Account, period: Period) -> QuerySet[Entry]:
    entries = Entry.objects.filter(
        account=account,
        outcome=Outcome.POSTED,
        kind__in=TRANSACTION_KINDS,
        **period.lookups("business_date"),
    )
    if period.first is None:
        return entries
    # An account has no index by date: the period is looked for among its later entries.
    return entries.filter(id__gt=all_below("business_date", period.first))


def _moves(entries: QuerySet[Entry], *, since: int = 0) -> list[Move]:
    """Give what entries moved in the order of their dates; at most one more than may be read."""
    ordered = entries.filter(id__gt=since).order_by("business_date", "id")
    columns = ("business_date", "id", "logged_at_ms", "kind", "amount_minor")
    rows = ordered.values_list(*columns)[: MOST_READ + 1]
    taken = Kind.WITHDRAWAL
    return [
        (day, entry_id, at_ms, -minor if kind == taken else minor)
        for day, entry_id, at_ms, kind, minor in rows
    ]


def _at_moments(moves: Sequence[Move]) -> list[Moved]:
    moments = _moments([(day, at_ms) for day, _entry_id, at_ms, _minor in moves])
    return [(at, minor) for at, (*_place, minor) in zip(moments, moves, strict=True)]


def _moments(dated: Sequence[tuple[date, int]]) -> list[int]:
    """Give each transaction a moment within its business date, in their order.

    The time at which the log took it, where that was on the same day; else its share of the day.
    """
    moments: list[int] = []
    for day, of_day in groupby(dated, key=lambda each: each[0]):
        logged = [logged_at_ms for _day, logged_at_ms in of_day]
        begin, end = beginning_of(day), beginning_of(day + timedelta(days=1))
        share = (end - begin) // (len(logged) + 1)
        for place, logged_at_ms in enumerate(logged, start=1):
            own = begin <= logged_at_ms < end
            moment = logged_at_ms if own else begin + place * share
            moments.append(max(moment, moments[-1] if moments else moment))
    return moments


def _by_day(rows: QuerySet[Any]) -> list[Moved]:
    days = rows.values("business_date").annotate(moved=Sum(_signed())).order_by("business_date")
    return [
        (beginning_of(day["business_date"] + timedelta(days=1)) - 1, day["moved"]) for day in days
    ]


def _added_up(start_minor: int, moved: Iterable[Moved]) -> Iterator[Step]:
    balance_minor = start_minor
    for at_ms, change_minor in moved:
        balance_minor += change_minor
        yield Step(at_ms, balance_minor, change_minor)


def _envelope(start_minor: int, moved: Sequence[Moved]) -> list[Span]:
    """Cut the time of the moves into equal spans; leave out those in which nothing happened."""
    moments = list(map(itemgetter(0), moved))
    # One more than there are moments: the n-th is the balance that the n-th move finds.
    balances = list(accumulate(map(itemgetter(1), moved), initial=start_minor))
    begin, end = moments[0], moments[-1]
    length = max(1, -(-(end - begin + 1) // SPANS))
    spans: list[Span] = []
    first = 0
    while first < len(moments):
        end_of_span = begin + ((moments[first] - begin) // length + 1) * length
        after = bisect_left(moments, end_of_span, first)
        within = balances[first : after + 1]
        spans.append(Span(moments[after - 1], min(within), max(within), within[-1]))
        first = after
    return spans
