"""The ledger feed: every entry once and in order, whatever happens to the database."""

import threading
import time

import pytest
from django.db import OperationalError, connection

from accounts.models import Entry, Log
from accounts.selectors.audiences import Audience
from accounts.selectors.positions import Position, current_epoch
from accounts.selectors.viewpoints import Viewpoint
from streaming import feed as feeds
from streaming.feed import Change, LedgerFeed
from tests.builders import LedgerInTest, opened, submitted
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BANK = Audience(None)


class Listener:
    """What a feed has said."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.commits = 0
        self.failures: list[Exception] = []
        self.threads: set[str] = set()
        self.feed = LedgerFeed(
            viewpoints=lambda: {Viewpoint(BANK)},
            on_change=self._on_change,
            on_commit=self._on_commit,
            on_failure=self.failures.append,
        )
        self.feed.start()
        wait_until(lambda: self.changes, "the feed has begun")

    def _on_change(self, change: Change) -> None:
        self.threads.add(threading.current_thread().name)
        self.changes.append(change)

    def _on_commit(self) -> None:
        self.commits += 1

    @property
    def texts(self) -> list[str]:
        return [row.text for change in self.changes for row in change.rows or ()]

    @property
    def reached(self) -> int:
        return self.changes[-1].position.entry_id

    def close(self) -> None:
        self.feed.stop()
        self.feed.join()


@pytest.fixture
def ledger() -> LedgerInTest:
    return LedgerInTest()


@pytest.fixture
def listener(ledger):
    listening = Listener()
    yield listening
    listening.close()


def last_id() -> int:
    return Entry.objects.order_by("-id").values_list("id", flat=True).first()


def test_it_begins_at_the_end_of_the_ledger(ledger):
    ledger.post(opened(), submitted())

    listener = Listener()
    listener.close()

    assert [change.is_break for change in listener.changes] == [True]
    assert listener.reached == last_id()
    assert listener.changes[0].position == Position(current_epoch(), last_id())


def test_every_entry_is_told_once_and_in_order(ledger, listener):
    events = [opened(), *(submitted(n) for n in range(1, 60))]

    for start in range(0, len(events), 7):
        ledger.post(*events[start : start + 7])
    wait_until(lambda: listener.reached == last_id(), "all is told")

    assert [text[19:55] for text in listener.texts] == [str(e.transaction_id) for e in events]


def test_changes_follow_each_other_without_a_gap(ledger, listener):
    for _ in range(20):
        ledger.post(submitted(account="unknown"))
    wait_until(lambda: listener.reached == last_id(), "all is told")

    told = listener.changes
    assert [later.after for later in told[1:]] == [sooner.position.entry_id for sooner in told[:-1]]


def test_it_reads_in_its_own_thread(ledger, listener):
    ledger.post(opened())
    wait_until(lambda: listener.reached == last_id(), "all is told")

    assert listener.threads == {"ledger-feed"}


def test_a_commit_of_any_kind_is_told(listener):
    before = listener.commits

    LedgerInTest().log.save()

    wait_until(lambda: listener.commits > before, "the commit is told")
    assert len(listener.changes) == 1


def test_a_database_that_fails_for_a_while_costs_no_entry(ledger, listener, monkeypatch):
    failures = iter([OperationalError("database is locked")] * 3)
    read = feeds.rows_after

    def read_or_fail(*details, **named):
        for failure in failures:
            raise failure
        return read(*details, **named)

    monkeypatch.setattr(feeds, "rows_after", read_or_fail)
    events = [opened(), submitted()]
    ledger.post(*events)
    wait_until(lambda: listener.reached == last_id(), "all is told")

    assert len(listener.texts) == len(events)
    assert next(failures, None) is None


def test_a_lost_connection_is_replaced(ledger, listener, monkeypatch):
    read = feeds.current_position
    closed = []

    def close_once():
        if not closed:
            closed.append(True)
            connection.connection.close()
        return read()

    ledger.post(opened())
    wait_until(lambda: listener.reached == last_id(), "the connection is open")
    monkeypatch.setattr(feeds, "current_position", close_once)
    ledger.post(submitted())

    wait_until(lambda: listener.reached == last_id(), "all is told")
    assert closed


def test_a_ledger_that_is_another_one_is_a_break(ledger, listener):
    ledger.post(opened())
    wait_until(lambda: listener.reached == last_id(), "all is told")

    Log.objects.update(adopted_at_ms=12)

    wait_until(lambda: listener.changes[-1].is_break, "the break is told")
    assert listener.changes[-1].position.epoch.startswith(f"{ledger.log.pk}.c")


def test_too_much_at_once_is_a_break_and_not_a_long_read(ledger, listener, monkeypatch):
    monkeypatch.setattr(feeds, "MOST_BEHIND", 3)

    ledger.post(opened(), submitted(), submitted(), submitted())

    wait_until(lambda: listener.reached == last_id(), "all is told")
    assert listener.changes[-1].is_break


def test_it_keeps_no_transaction_open(ledger, listener):
    ledger.post(opened())
    wait_until(lambda: listener.reached == last_id(), "all is told")

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy = cursor.fetchone()[0]
        else:
            # Of this database alone: beside us others use the same server.
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE state LIKE 'idle in %' AND datname = current_database()"
            )
            busy = cursor.fetchone()[0]

    assert busy == 0


def test_it_tells_what_ended_it(ledger, listener, monkeypatch):
    ended = ZeroDivisionError("no failure of the database")

    def fails(*_details, **_named):
        raise ended

    monkeypatch.setattr(feeds, "rows_after", fails)
    ledger.post(opened())
    listener.feed.join()

    assert listener.failures == [ended]


def test_it_ends_soon_when_asked(listener):
    began = time.monotonic()

    listener.close()

    assert time.monotonic() - began < 2
