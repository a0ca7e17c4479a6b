"""Batches that are concluded before the ones ahead of them are written, by another process."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from accounts.events import Event
from accounts.ledger import writer
from accounts.ledger.conclusions import understand
from accounts.ledger.identity import identity_of
from accounts.ledger.precedence import LONGEST_COURTESY_S, before_the_next_batch
from accounts.ledger.sql import Step
from accounts.ledger.writer import Writer
from accounts.models import Entry, Log, Outcome
from streaming import bulk_posting
from streaming.bulk_posting import Batch, BulkPosting, Hindered, can_post_ahead
from streaming.occupancy import Occupied, alone, ledger_lock_path
from tests.builders import LedgerInTest, delivered, opened, raw, submitted, withdrawn
from tests.databases import only_on
from tests.processes import wait_until

pytestmark = [
    pytest.mark.django_db,
    only_on("sqlite", "PostgreSQL takes a batch at once"),
]

TABLES = ("entry", "balance", "dailytotal", "logposition", "account")
# When a row was written depends on the clock.
CLOCKS = {"posted_at_ms", "created_at"}


@pytest.fixture
def in_a_file(tmp_path, settings, db) -> Iterator[Path]:
    """Let Django work on a database that another process can open."""
    settings.DATA_DIR = tmp_path
    path = tmp_path / "bankportal.sqlite3"
    in_memory = connections["default"]
    copy_of(in_memory, path)
    own = connections.create_connection("default")
    options = dict(own.settings_dict["OPTIONS"])
    own.settings_dict = own.settings_dict | {"NAME": path, "OPTIONS": options}
    connections["default"] = own
    yield path
    own.close()
    connections["default"] = in_memory


def copy_of(source: Any, path: Path) -> None:
    """Copy what ``source`` has, from within its transaction, which a back-up waits for in vain."""
    with sqlite3.connect(path) as copy, source.cursor() as cursor:
        cursor.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite_%' ORDER BY type <> 'table'"
        )
        for kind, name, statement in cursor.fetchall():
            copy.execute(statement)
            if kind == "table":
                cursor.execute(f'SELECT * FROM "{name}"')
                marks = ", ".join("?" * len(cursor.description))
                copy.executemany(f'INSERT INTO "{name}" VALUES ({marks})', cursor.fetchall())
    copy.close()


@pytest.fixture
def ledger(in_a_file) -> LedgerInTest:
    return LedgerInTest()


class Ahead:
    """Posts ahead what a partition delivers, message after message."""

    def __init__(self, ledger: LedgerInTest) -> None:
        self._ledger = ledger
        self.begin_again()
        self.written: list[tuple[int, int]] = []
        self.waited_s: list[float] = []
        self.bulk = BulkPosting(ledger.log.pk, identity_of(ledger.log), self._note)

    def begin_again(self) -> None:
        """Go on from where the ledger stands."""
        self._next = {number: self._ledger.position(number).next_offset for number in range(3)}

    def take(self, *events: Event | bytes, partition: int = 0) -> None:
        """Have these written as one batch."""
        at = self._next[partition]
        messages = [
            raw(each, at + n, partition=partition)
            if isinstance(each, bytes)
            else delivered(each, at + n, partition)
            for n, each in enumerate(events)
        ]
        batch = Batch([understand(each) for each in messages], {partition: at})
        self._next |= self.bulk.take(batch)

    def _note(self, messages: Any, outcomes: Any) -> None:
        assert outcomes.held_s > 0
        self.waited_s.append(outcomes.waited_s)
        self.written.append((len(messages), outcomes.repeats))


@pytest.fixture
def ahead(ledger) -> Iterator[Ahead]:
    made = Ahead(ledger)
    yield made
    made.bulk.close()


def rows(table: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM accounts_{table} ORDER BY id")
        names = [column[0] for column in cursor.description]
        return [
            {name: cell for name, cell in zip(names, row, strict=True) if name not in CLOCKS}
            for row in cursor.fetchall()
        ]


def some_batches() -> list[list[Event]]:
    """Give batches with each outcome that a plain one can have."""
    return [
        [opened(), opened(account="C200", opening_balance_minor=500), submitted(1_000)],
        [withdrawn(300), withdrawn(5_000), submitted(7, account="C200"), submitted(account="C9")],
        [opened(), opened(account="C9"), submitted(3, account="C9", business_date="2026-11-24")],
        [submitted(9, currency="USD"), withdrawn(-0 + 700, source="import")],
    ]


def dated(batch: list[Event]) -> list[Event]:
    return [understand(delivered(each, 0)).event for each in batch]


def test_what_is_written_ahead_is_what_posting_writes(in_a_file, ledger, ahead) -> None:
    batches = [dated(batch) for batch in some_batches()]
    for batch in batches:
        ahead.take(*batch)
    ahead.bulk.finish()
    there = {table: rows(table) for table in TABLES}
    assert [count for count, _repeats in ahead.written] == [3, 4, 3, 2]

    with connection.cursor() as cursor:
        empty = "; ".join(f"DROP TRIGGER {name}" for name in triggers())
        cursor.connection.executescript(empty)
        for table in (*TABLES, "log"):
            cursor.execute(f"DELETE FROM accounts_{table}")
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [f"accounts_{table}"])
    again = LedgerInTest()
    for batch in batches:
        again.post(*batch)

    assert {table: rows(table) for table in TABLES} == there
    assert len(there["entry"]) == 12


def triggers() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return [name for (name,) in cursor.fetchall()]


def hindered_by(act: Callable[[], object]) -> list[int]:
    """Give the sizes of the batches that an act could not have written."""
    with pytest.raises(Hindered) as caught:
        act()
    return [len(batch.messages) for batch in caught.value.batches]


def posted() -> int:
    return Entry.objects.count()


def test_a_repeat_is_found_by_its_id_and_nothing_after_it_is_written(ledger, ahead) -> None:
    event = submitted()
    ahead.take(opened(), event)
    ahead.bulk.finish()
    ahead.take(submitted(1), event)
    ahead.take(submitted(account="C200"), partition=1)

    assert hindered_by(ahead.bulk.finish) == [2, 1]
    assert (posted(), ledger.position().next_offset, ledger.position(1).next_offset) == (2, 2, 0)


def test_the_process_writes_nothing_after_what_it_could_not_write(in_a_file, ledger) -> None:
    """Red where it goes on after a transaction that it could not write."""
    move = "UPDATE accounts_logposition SET next_offset = 7 WHERE partition = %s"
    own = Writer(in_a_file, ledger_lock_path(), ())
    own.begin([Step(move, [(0,)], 2)])
    own.begin([Step(move, [(1,)], 1)])

    answers = own.wait(), own.wait()
    own.close()

    assert [each.is_written for each in answers] == [False, False]
    assert "UPDATE accounts_logposition SET changed 1 rows in place of 2" in answers[0].hindrance
    assert [ledger.position(number).next_offset for number in (0, 1)] == [0, 0]


def test_after_a_repeat_the_next_ones_are_looked_up_before(ledger, ahead) -> None:
    event = submitted()
    ahead.take(opened(), event)
    ahead.take(event)
    assert hindered_by(ahead.bulk.finish) == [1]
    ahead.begin_again()

    ahead.take(event, submitted(2))
    ahead.take(event)
    ahead.bulk.finish()

    assert ahead.written == [(2, 0), (2, 1), (1, 1)]
    assert posted() == 3
    assert ledger.position().repeats == 2


def test_a_repeat_of_what_is_still_on_its_way_is_known(ahead, monkeypatch) -> None:
    """Red where only the database is asked, which does not have it yet."""
    event, other = submitted(), submitted(2)
    ahead.take(opened(), event)
    ahead.take(event)
    hindered_by(ahead.bulk.finish)
    ahead.begin_again()
    monkeypatch.setattr(bulk_posting, "MOST_UNDERWAY", 9)
    monkeypatch.setattr("accounts.ledger.sql.outcomes_of", lambda *_place: {})

    ahead.take(other)
    ahead.take(other)
    ahead.bulk.finish()

    assert ahead.written[-2:] == [(1, 0), (1, 1)]


@pytest.mark.parametrize(
    "odd",
    [b"no event", pytest.param("reused", id="an id that stands for something else")],
)
def test_what_is_out_of_the_ordinary_is_left_to_posting(ledger, ahead, odd) -> None:
    first = submitted()
    ahead.take(opened())
    odd = [first, submitted(7, transaction_id=first.transaction_id)] if odd == "reused" else [odd]

    assert hindered_by(lambda: ahead.take(*odd)) == [len(odd)]
    assert ahead.written == [(1, 0)]
    assert ledger.position().next_offset == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts_logposition SET next_offset = 5 WHERE partition = 0",
        "UPDATE accounts_logposition SET link = zeroblob(32) WHERE partition = 0",
        "UPDATE accounts_balance SET balance_minor = 1",
        "UPDATE accounts_balance SET posted_count = 9",
        "UPDATE accounts_log SET is_current = 0",
    ],
    ids=["offset", "link", "balance", "count", "log"],
)
def test_a_batch_concluded_from_another_state_is_not_written(ledger, ahead, change) -> None:
    """Red where the statement that moves it does not ask for the state that it moves from."""
    ahead.take(opened(), submitted())
    ahead.bulk.finish()
    ahead.take(submitted())
    ahead.bulk.finish()
    # The books are kept while there is something to post.
    ahead.take(submitted(1))
    ahead.bulk._take_answer()
    with connection.cursor() as cursor:
        cursor.execute(change)

    ahead.take(submitted(2))

    assert hindered_by(ahead.bulk.finish) == [1]
    assert posted() == 4


def post_beside(ledger: LedgerInTest, *events: Event) -> None:
    """Post what another consumer found in another partition."""
    ledger.post(*events, partition=1)


def test_a_rejection_stands_on_the_balance_that_is_there(ledger, ahead) -> None:
    """Red where only accounts that a batch moves are held against what they were.

    A producer of others may put the messages of an account into two partitions.
    """
    ahead.take(opened(opening_balance_minor=10_000))
    # The books are kept, as while there is something to post.
    ahead.bulk._take_answer()
    post_beside(ledger, submitted(100_000))

    ahead.take(withdrawn(50_000))

    assert hindered_by(ahead.bulk.finish) == [1]
    assert not Entry.objects.filter(outcome=Outcome.REJECTED)


def test_an_account_that_was_opened_meanwhile_is_not_rejected_as_unknown(ledger, ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()
    process = ahead.bulk._writer._process
    os.kill(process.pid, signal.SIGSTOP)
    ahead.take(submitted(account="C9"))
    post_beside(ledger, opened(account="C9"))
    os.kill(process.pid, signal.SIGCONT)

    assert hindered_by(ahead.bulk.finish) == [1]
    assert not Entry.objects.filter(outcome=Outcome.REJECTED)


def test_a_process_that_is_killed_loses_nothing(ledger, ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()
    process = ahead.bulk._writer._process
    os.kill(process.pid, signal.SIGSTOP)
    ahead.take(submitted())
    ahead.take(submitted())
    os.kill(process.pid, signal.SIGKILL)

    assert hindered_by(ahead.bulk.finish) == [1, 1]
    assert (posted(), ledger.position().next_offset) == (1, 1)


def test_a_process_that_is_frozen_is_given_up(ledger, ahead, monkeypatch) -> None:
    """Red where an answer is waited for without a limit."""
    ahead.take(opened())
    ahead.bulk.finish()
    process = ahead.bulk._writer._process
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(writer, "LONGEST_ANSWER_S", 0.2)
    ahead.take(submitted())

    assert hindered_by(ahead.bulk.finish) == [1]
    assert process.poll() == -signal.SIGKILL


def test_it_waits_for_its_turn_and_gives_up_as_every_writer_does(in_a_file, ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()
    with sqlite3.connect(in_a_file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        ahead.take(submitted())
        assert ahead.bulk.is_underway
        other.execute("COMMIT")
    other.close()
    ahead.bulk.finish()

    assert posted() == 2


def test_it_lets_a_small_write_go_first_and_says_how_long_it_waited(in_a_file, ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()

    with before_the_next_batch(str(in_a_file)):
        ahead.take(submitted())
        ahead.bulk.finish()

    assert ahead.waited_s[1] >= LONGEST_COURTESY_S


def test_what_is_committed_is_copied_into_the_file_when_there_is_much(
    in_a_file, ahead, tmp_path
) -> None:
    """Red without ``copy_when_long``: SQLite itself would do it while the batch is waited for."""
    connection.settings_dict["OPTIONS"] |= {
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA wal_autocheckpoint=1;"
    }
    ahead.take(opened(), submitted())
    ahead.bulk.finish()
    moved = tmp_path / "without its log.sqlite3"

    def copied() -> int:
        shutil.copy(in_a_file, moved)
        with closing(sqlite3.connect(moved)) as alone:
            return alone.execute("SELECT count(*) FROM accounts_entry").fetchone()[0]

    wait_until(lambda: copied() == 2, "its file has both")


@pytest.mark.parametrize(
    "reason", [OperationalError("disk I/O error"), OSError("no more processes")]
)
def test_what_cannot_be_read_or_begun_is_left_to_posting(
    ledger, ahead, monkeypatch, reason
) -> None:
    """Red where it is raised: the consumer ends, and is started again, for as long as it lasts."""
    ahead.take(opened())

    def fail(*_details: object) -> None:
        raise reason

    if isinstance(reason, OSError):
        ahead.bulk.close()
        ahead.begin_again()
        monkeypatch.setattr(bulk_posting, "_begun_writer", fail)
    else:
        monkeypatch.setattr(bulk_posting.Ahead, "conclude", fail)

    assert hindered_by(lambda: ahead.take(submitted(), submitted())) == [2]
    assert not ahead.bulk.is_underway


def test_a_process_that_cannot_begin_is_not_begun_again_and_again(in_a_file, ahead, capfd) -> None:
    """Red where each batch begins one more, in vain."""
    in_a_file.with_name(f"{in_a_file.name}-batch").mkdir()
    ahead.take(opened())

    assert hindered_by(ahead.bulk.finish) == [1]

    assert not ahead.bulk.is_possible
    said = capfd.readouterr().err
    assert "What writes a backlog cannot begin: " in said
    assert "Traceback" not in said
    ahead.bulk._not_before -= bulk_posting._IN_VAIN_S
    assert ahead.bulk.is_possible


def test_a_process_that_was_killed_may_begin_again_at_once(ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()
    ahead.bulk._writer._process.kill()
    ahead.take(submitted())

    assert hindered_by(ahead.bulk.finish) == [1]

    assert ahead.bulk.is_possible


def test_whoever_replaces_the_ledger_sees_that_it_is_in_use(ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()

    with pytest.raises(Occupied, match="writing"), alone():
        pass


def test_it_rests_when_there_has_been_nothing_to_write_for_long(ahead, monkeypatch) -> None:
    ahead.take(opened())
    ahead.bulk.finish()
    process = ahead.bulk._writer._process
    ahead.bulk.rest()
    assert process.poll() is None

    monkeypatch.setattr(bulk_posting, "_LINGER_S", 0)
    ahead.bulk.rest()

    assert process.poll() is not None


def test_it_is_for_files_of_sqlite_only(in_a_file, monkeypatch) -> None:
    assert can_post_ahead()

    monkeypatch.setattr(bulk_posting, "find_spec", lambda _name: None)

    assert not can_post_ahead()


def test_the_process_ends_with_whoever_started_it(ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()
    process = ahead.bulk._writer._process

    process.stdin.close()

    assert process.wait(10) == 0


def test_the_process_brings_no_other_sqlite() -> None:
    """Red where it imports Django: closing a file there would let go of its locks."""
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, accounts.ledger.writing; "
            "print({'django', 'sqlite3', 'pysqlite3'} & sys.modules.keys())",
        ],
        cwd=Path(writer.__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert seen.stdout.strip() == "set()"


def test_a_log_that_is_another_one_now_stops_what_is_on_its_way(ledger, ahead) -> None:
    ahead.take(opened())
    ahead.bulk.finish()
    Log.objects.update(is_current=False)

    ahead.take(submitted())

    assert hindered_by(ahead.bulk.finish) == [1]
