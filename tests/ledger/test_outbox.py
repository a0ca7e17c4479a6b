"""What the outbox gives to the relay, and when a row is done."""

import time

import pytest

from accounts import outbox
from accounts.events import decode
from accounts.identifiers import new_transaction_id
from accounts.models import Account, Branch, Entry, Kind, Outbox, Submission
from accounts.models.people import Agent
from accounts.outbox import Publication
from accounts.services.submissions import submit_transaction
from tests.builders import opened, raw


@pytest.fixture
def teller(db) -> Agent:
    branch = Branch.objects.create(code="lyon", name="Lyon")
    Account.objects.create(number="C100", branch=branch)
    return Agent.objects.create_user("teller", role="teller", branch=branch)


@pytest.fixture
def submit(teller):
    def submit(amount_minor: int = 100) -> Submission:
        return submit_transaction(
            transaction_id=new_transaction_id(),
            account="C100",
            kind=Kind.DEPOSIT,
            amount_minor=amount_minor,
            by=teller,
        )

    return submit


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def acknowledged(row: Outbox, ledger, *, offset=0, at_ms=None, partition=0) -> None:
    outbox.record_publications(
        [Publication(row.pk, ledger.log.pk, partition, offset, at_ms or now_ms())]
    )


def post(ledger, row: Outbox) -> None:
    ledger.post(decode(bytes(row.key), bytes(row.value)))


def test_rows_come_in_outbox_order_without_those_on_their_way(ledger, submit):
    rows = [submit(n).outbox for n in (1, 2, 3)]

    found = outbox.unpublished(besides={rows[0].pk}, limit=10)

    assert [row.pk for row in found] == [rows[1].pk, rows[2].pk]


def test_an_acknowledged_row_is_published_no_more_but_waits_for_its_outcome(ledger, submit):
    row = submit().outbox

    acknowledged(row, ledger)

    assert outbox.unpublished(besides=(), limit=10) == []
    assert outbox.waiting().count() == 1


def test_a_submission_is_done_when_it_has_an_outcome(ledger, submit):
    ledger.post(opened())
    row = submit().outbox
    acknowledged(row, ledger, offset=1)
    post(ledger, row)

    waiting = outbox.waiting().count()
    closed = outbox.close_concluded()

    row.refresh_from_db()
    assert (waiting, closed, row.is_done) == (0, 1, True)


def test_a_copied_dead_letter_is_done_when_it_is_acknowledged(ledger):
    ledger.post_messages([raw(b"x", 0)])
    row = Outbox.objects.get()

    acknowledged(row, ledger)

    row.refresh_from_db()
    assert row.is_done


def test_what_its_partition_has_passed_a_minute_ago_is_published_again(ledger, submit):
    row = submit().outbox
    acknowledged(row, ledger, offset=0, at_ms=now_ms() - 61_000)
    ledger.post(opened(account="C900"))

    again = outbox.publish_again_what_got_lost(ledger.log.pk)

    assert again == 1
    assert outbox.unpublished(besides=(), limit=10) == [row]


@pytest.mark.parametrize(
    ("age_ms", "passed"), [(59_000, True), (61_000, False)], ids=["too soon", "not passed yet"]
)
def test_what_may_still_be_concluded_is_left_alone(ledger, submit, age_ms, passed):
    row = submit().outbox
    acknowledged(row, ledger, offset=0, at_ms=now_ms() - age_ms)
    if passed:
        ledger.post(opened(account="C900"))

    assert outbox.publish_again_what_got_lost(ledger.log.pk) == 0


def test_what_another_log_acknowledged_is_published_again_at_once(ledger, submit):
    acknowledged(submit().outbox, ledger)

    assert outbox.publish_again_what_got_lost(ledger.log.pk + 1) == 1


def test_what_was_published_again_is_posted_once(ledger, submit):
    ledger.post(opened())
    row = submit().outbox

    post(ledger, row)
    post(ledger, row)

    assert Entry.objects.filter(kind=Kind.DEPOSIT).count() == 1
