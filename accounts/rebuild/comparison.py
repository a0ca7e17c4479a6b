"""Where a rebuilt ledger and the live one differ, as of a moment that was noted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from django.db import connection, models

from accounts.ledger.messages import NO_LINK, first_links
from accounts.ledger.tables import scratch_tables
from accounts.models import Balance, DailyTotal, DeadLetter, Entry, Log
from accounts.rebuild.differences import Difference, about, differing, identifier
from accounts.selectors.noted import Noted, PositionKey

# Rows of one question: each is a read of its own, so that no writer's log grows behind it.
STEP: Final = 5_000

# Before every id that a database takes.
_LEAST_ID: Final = -(2**63) - 1

_DIFFERS = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}
# Wording, ids and times are of the moment of posting; all else follows from the log.
_NOT_OF_THE_LOG = {"id", "posted_at_ms", "concluded_at_ms", "detail"}
# Where one reads on from; how often was read, and what was refused, are facts about consumers.
_OF_A_POSITION = (
    *("next_offset", "last_digest", "link"),
    *("transactions", "posted", "rejected", "dead"),
)


def differences(noted: Noted) -> Iterator[Difference]:
    """Give every difference between the live ledger as ``noted`` and the scratch tables.

    Takes the same memory however long the ledger is.
    """
    yield from _positions_that_differ(noted)
    yield from _rows_that_differ(_ENTRIES, noted.entry_id)
    yield from _out_of_order(noted.entry_id)
    yield from _rows_that_differ(_DEAD_LETTERS, noted.dead_letter_id)
    for sums in (_BALANCES, _TOTALS):
        yield from _sums_that_differ(sums, noted.entry_id)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table that is appended to, and how a row of it is found on the other side."""

    what: str
    model: type[models.Model]
    key: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in _columns(self.model) if name not in _NOT_OF_THE_LOG)


_ENTRIES = _Rows("Entry", Entry, ("transaction_id",))
_DEAD_LETTERS = _Rows("Dead letter", DeadLetter, ("log_id", "partition", "offset"))


def _rows_that_differ(rows: _Rows, last_id: int) -> Iterator[Difference]:
    live, scratch = _names(rows.model)
    columns, key = rows.columns, " AND ".join(f's."{name}" = l."{name}"' for name in rows.key)
    shown = ", ".join(f'{side}."{name}"' for side in ("l", "s") for name in columns)
    both = (
        f"SELECT {shown}, s.id FROM {live} l LEFT JOIN {scratch} s ON {key} "  # noqa: S608
        f"WHERE l.id BETWEEN %s AND %s AND (s.id IS NULL OR {_any_differs(columns)}) "
        "ORDER BY l.id"
    )
    for found in _asked(both, live, last_id):
        mine, theirs = found[: len(columns)], found[len(columns) : -1]
        detail = "is not in the log" if found[-1] is None else differing(columns, mine, theirs)
        yield about(rows.what, dict(zip(columns, mine, strict=True)), detail)
    shown = ", ".join(f's."{name}"' for name in columns)
    missing = (
        f"SELECT {shown} FROM {scratch} s WHERE s.id BETWEEN %s AND %s "  # noqa: S608
        f"AND NOT EXISTS (SELECT 1 FROM {live} l WHERE {key} AND l.id <= {last_id:d}) ORDER BY s.id"
    )
    for found in _asked(missing, scratch, _last_id(scratch)):
        yield about(rows.what, dict(zip(columns, found, strict=True)), "is missing in the ledger")


def _out_of_order(last_id: int) -> Iterator[Difference]:
    """Give the entries that stand behind a later one of their partition."""
    reached: dict[tuple[int, int], int] = {}
    question = (
        'SELECT log_id, partition, "offset", account, transaction_id FROM accounts_entry '
        "WHERE id BETWEEN %s AND %s ORDER BY id"
    )
    entries = _names(Entry)[0]
    for log_id, partition, offset, account, stored in _asked(question, entries, last_id):
        before = reached.get((log_id, partition), -1)
        if offset <= before:
            yield Difference(
                "Entry",
                f"stands behind offset {before} of its partition",
                account,
                identifier(stored),
                partition,
                offset,
            )
        reached[log_id, partition] = max(before, offset)


@dataclass(frozen=True, slots=True)
class _Sums:
    """A table of sums over entries. What came after the noted entry is taken off again."""

    what: str
    model: type[models.Model]
    key: tuple[str, ...]
    # Each column that posting adds to, and what one posted entry adds.
    added: dict[str, str]
    # The one of them that is 0 where no entry is counted.
    count: str

    @property
    def kept(self) -> tuple[str, ...]:
        """What stays as it was at the first entry."""
        return tuple(
            name for name in _columns(self.model) if name not in {"id", *self.key, *self.added}
        )


_MOVED = "CASE WHEN k.is_transaction THEN {} ELSE 0 END"
_BALANCES = _Sums(
    "Balance",
    Balance,
    ("account",),
    {
        "balance_minor": "e.amount_minor * k.sign",
        "turnover_minor": _MOVED.format("e.amount_minor"),
        "posted_count": "1",
    },
    "posted_count",
)
_TOTALS = _Sums(
    "Daily total",
    DailyTotal,
    ("account", "business_date", "kind_id"),
    {"count": _MOVED.format("1"), "amount_minor": _MOVED.format("e.amount_minor")},
    "count",
)


def _sums_that_differ(sums: _Sums, last_entry_id: int) -> Iterator[Difference]:
    live, scratch = _names(sums.model)
    key, same = ", ".join(f"e.{name}" for name in sums.key), _same_key("l", "t", sums)
    columns = (*sums.added, *sums.kept)
    then = [f"l.{name} - coalesce(t.{name}, 0)" for name in sums.added]
    then += [f"l.{name}" for name in sums.kept]
    wrong = " OR ".join(
        f"{value} {_differs()} s.{name}" for value, name in zip(then, columns, strict=True)
    )
    shown = ", ".join([f"l.{name}" for name in sums.key] + then + [f"s.{name}" for name in columns])
    later = ", ".join(f"sum({value}) AS {name}" for name, value in sums.added.items())
    both = (
        f"WITH t AS (SELECT {key}, {later} FROM accounts_entry e "  # noqa: S608
        "JOIN accounts_entrykind k ON k.id = e.kind_id "
        f"WHERE e.id > {last_entry_id:d} AND e.outcome = 1 GROUP BY {key}) "
        f"SELECT {shown}, s.id FROM {live} l LEFT JOIN t ON {same} "
        f"LEFT JOIN {scratch} s ON {_same_key('l', 's', sums)} WHERE l.id BETWEEN %s AND %s "
        f"AND ({wrong}) AND NOT (s.id IS NULL AND l.{sums.count} = coalesce(t.{sums.count}, 0)) "
        "ORDER BY l.id"
    )
    for place, found in _keyed(_asked(both, live, _last_id(live)), len(sums.key)):
        mine, theirs = found[: len(columns)], found[len(columns) : -1]
        detail = "is not in the log" if found[-1] is None else differing(columns, mine, theirs)
        yield about(_named(sums, place), {"account": place[0]}, detail)
    missing = (
        f"SELECT {', '.join(f's.{name}' for name in sums.key)} FROM {scratch} s "  # noqa: S608
        f"WHERE s.id BETWEEN %s AND %s AND NOT EXISTS "
        f"(SELECT 1 FROM {live} l WHERE {_same_key('l', 's', sums)}) ORDER BY s.id"
    )
    for place in _asked(missing, scratch, _last_id(scratch)):
        yield about(_named(sums, place), {"account": place[0]}, "is missing in the ledger")


def _positions_that_differ(noted: Noted) -> Iterator[Difference]:
    names = ", ".join(_OF_A_POSITION)
    question = f"SELECT log_id, partition, {names} FROM accounts_logposition"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(scratch_tables().sql(question))
        rebuilt = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    yield from _positions_of_no_partition(noted)
    for (log_id, partition), theirs in sorted(rebuilt.items()):
        at = noted.positions.get((log_id, partition))
        if at is None:
            continue
        mine = [getattr(at, name) for name in _OF_A_POSITION]
        detail = differing(_OF_A_POSITION, mine, theirs)
        if detail:
            yield Difference(f"Position in log {log_id}", detail, partition=partition)
    link = _OF_A_POSITION.index("link")
    yield from _loose_chains(noted, {key: bytes(row[link]) for key, row in rebuilt.items()})


def _positions_of_no_partition(noted: Noted) -> Iterator[Difference]:
    for log in noted.logs:
        found = {number for log_id, number in noted.positions if log_id == log.pk}
        for number in sorted(found ^ set(range(log.partition_count))):
            detail = "is of no partition" if number in found else "is missing in the ledger"
            yield Difference(f"Position in log {log.pk}", detail, partition=number)


def links_at_the_beginning(log: Log, previous: Mapping[int, bytes]) -> list[bytes]:
    """Give the links from which the chains of ``log`` go on, after the last ones of the log before.

    ``previous`` has these by partition, and is empty for the first log of all.
    """
    if log.is_memory or not previous:
        return [NO_LINK] * log.partition_count
    return first_links(previous, log.partition_count)


def _loose_chains(noted: Noted, ends: Mapping[PositionKey, bytes]) -> Iterator[Difference]:
    """Give the logs whose chains do not go on from where those of the log before them end."""
    for before, log in pairwise(noted.logs):
        links = {number: link for (log_id, number), link in ends.items() if log_id == before.pk}
        for number, right in enumerate(links_at_the_beginning(log, links)):
            position = noted.positions.get((log.pk, number))
            found = right if position is None else bytes(position.first_link)
            if found != right:
                detail = differing(["first_link"], [found], [right])
                yield Difference(f"Position in log {log.pk}", detail, partition=number)


def _asked(question: str, table: str, last_id: int) -> Iterator[Sequence[Any]]:
    """Ask ``question`` for one range of ids of ``table`` after the other, up to ``last_id``."""
    for first, last in _ranges(table, last_id):
        with connection.cursor() as cursor:
            cursor.execute(question, [first, last])
            yield from cursor.fetchall()


def _ranges(table: str, last_id: int) -> Iterator[tuple[int, int]]:
    """Give the first and last ids of ranges of ``STEP`` rows, wherever somebody has put them."""
    question = (
        "SELECT min(id), max(id) FROM (SELECT id FROM "  # noqa: S608 a name of ours
        f"{table} WHERE id BETWEEN %s AND %s ORDER BY id LIMIT {STEP:d}) AS part"
    )
    last: int | None = _LEAST_ID
    while last is not None and last < last_id:
        with connection.cursor() as cursor:
            cursor.execute(question, [last + 1, last_id])
            first, last = cursor.fetchone()
        if last is not None:
            yield first, last


def _keyed(
    rows: Iterator[Sequence[Any]], length: int
) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    return ((row[:length], row[length:]) for row in rows)


def _named(sums: _Sums, place: Sequence[Any]) -> str:
    return " ".join([sums.what, *(f"{each}" for each in place[1:])])


def _any_differs(columns: Sequence[str]) -> str:
    return " OR ".join(f'l."{name}" {_differs()} s."{name}"' for name in columns)


def _same_key(one: str, other: str, sums: _Sums) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in sums.key)


def _differs() -> str:
    return _DIFFERS[connection.vendor]


def _columns(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(str(field.get_attname_column()[1]) for field in model._meta.local_concrete_fields)


def _names(model: type[models.Model]) -> tuple[str, str]:
    """Give the live table and the scratch table of ``model``."""
    return model._meta.db_table, scratch_tables().sql(model._meta.db_table)


def _last_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608 a name of ours
        return int(cursor.fetchone()[0])
