"""What the outbox gives to the relay, and when a row is done."""

import time

import pytest

from accounts import outbox
from accounts.events import decode
from accounts.identifiers import new_transaction_id
from accounts.models import Account, Branch, Entry, Kind, Outbox, Submission
from accounts.models.people import Agent
from accounts.outbox import Place, Publication, place_of
from accounts.selectors.backlog import backlog
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


def row_of(topic: str, key: bytes | None, value: bytes = b"x") -> Outbox:
    return Outbox.objects.create(topic=topic, key=key, value=value, queued_at_ms=0)


def test_places_that_have_to_wait_are_left_out_and_all_others_come(db):
    waits = row_of("submissions", b"C100")
    rows = [
        row_of("submissions", b"C200"),
        row_of("submissions", None),
        row_of("copies", b"C100"),
        row_of("copies", None),
    ]
    behind = row_of("submissions", b"C100")
    alone = row_of("copies", None)

    found = outbox.unpublished(besides=(), but_not=[place_of(waits), place_of(alone)], limit=10)

    assert found == rows
    assert outbox.first_unpublished(place_of(waits)) == waits
    assert outbox.first_unpublished(place_of(behind)) == waits
    assert outbox.first_unpublished(place_of(alone)) == alone


def test_a_whole_topic_can_wait(db):
    first = row_of("copies", None)
    row_of("copies", b"C100")
    other = row_of("submissions", b"C100")

    found = outbox.unpublished(besides=(), but_not=[Place("copies", None)], limit=10)

    assert found == [other]
    assert outbox.first_unpublished(Place("copies", None)) == first


def test_no_more_is_read_than_there_is_room_for(db):
    rows = [row_of("copies", None, b"x" * 100) for _ in range(5)]

    assert outbox.unpublished(besides=(), limit=10, most_bytes=201) == rows[:3]
    assert outbox.unpublished(besides=(), limit=2) == rows[:2]


def test_a_refusal_is_kept_until_kafka_takes_the_row(ledger, submit):
    row = submit().outbox

    outbox.record_refusal(row.pk, "too large" * 100)
    row.refresh_from_db()
    refused = row.refusal
    acknowledged(row, ledger)

    row.refresh_from_db()
    assert refused.startswith("too large")
    assert len(refused) == 300
    assert row.refusal is None


def test_what_a_refusal_keeps_is_told_apart_from_what_kafka_has_not_taken(ledger, submit):
    refused, behind = submit().outbox, submit().outbox
    outbox.record_refusal(refused.pk, "too large")
    kept = backlog()

    row_of("submissions", b"C200")
    others = backlog()

    assert behind.key == refused.key
    assert (kept.unpublished, kept.refused) == (2, 1)
    assert kept.oldest_unpublished_s is not None
    assert kept.oldest_unhindered_s is None
    assert others.oldest_unhindered_s is not None


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


def test_what_was_published_while_the_clock_was_ahead_is_not_waited_for(ledger, submit):
    """Red without the second half of ``long_ago``: it would be published a day late."""
    row = submit().outbox
    acknowledged(row, ledger, offset=0, at_ms=now_ms() + 86_400_000)
    ledger.post(opened(account="C900"))

    assert outbox.publish_again_what_got_lost(ledger.log.pk) == 1


def test_what_got_lost_is_published_again_from_the_first_row_on(ledger, submit, monkeypatch):
    """Red without the order: a later row could be published before an earlier one."""
    monkeypatch.setattr(outbox, "_AT_A_TIME", 2)
    rows = [submit(n).outbox for n in range(1, 6)]
    for row in reversed(rows):
        acknowledged(row, ledger)

    batches = []
    while outbox.publish_again_what_got_lost(ledger.log.pk + 1):
        batches.append([row.pk for row in outbox.unpublished(besides=(), limit=10)])

    identifiers = [row.pk for row in rows]
    assert batches == [identifiers[:2], identifiers[:4], identifiers]


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
