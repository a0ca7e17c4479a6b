"""Posting into the database."""

import json
import sqlite3
from hashlib import sha256

import pytest
from django.db import IntegrityError
from django.db.transaction import atomic
from msgspec.structs import replace

from accounts.events import encode
from accounts.ledger.identity import OtherLog, current_log, recognise_log
from accounts.ledger.messages import NO_LINK, LogIdentity
from accounts.ledger.posting import BalanceMoved, OffsetMoved
from accounts.models import (
    Account,
    Balance,
    DailyTotal,
    DeadLetter,
    Entry,
    LogPosition,
    Outbox,
)
from tests.builders import A_LOG, delivered, opened, raw, submitted, withdrawn


def balance_of(number="C100") -> int:
    return Balance.objects.get(account=number).balance_minor


def test_a_batch_moves_balance_totals_position_and_chain_together(ledger):
    outcomes = ledger.post(opened(), submitted(10_000), withdrawn(2_500), withdrawn(99_999))

    assert (outcomes.posted, outcomes.rejected) == (3, 1)
    assert balance_of() == 7_500
    assert list(Entry.objects.order_by("id").values_list("balance_minor", flat=True)) == [
        0,
        10_000,
        7_500,
        7_500,
    ]
    assert sorted(DailyTotal.objects.values_list("kind", "count", "amount_minor")) == [
        (2, 1, 10_000),
        (3, 1, 2_500),
    ]
    position = ledger.position()
    assert (position.next_offset, position.posted, position.transactions) == (4, 3, 2)
    assert bytes(position.link) == bytes(Entry.objects.latest("id").link) != NO_LINK


def test_a_link_is_what_an_auditor_computes_from_the_record(ledger):
    event = submitted(10_000)
    ledger.post(opened(), event)

    before, after = Entry.objects.order_by("id")

    place = (0).to_bytes(4, "big") + (1).to_bytes(8, "big")
    log = "\0".join((A_LOG.cluster_id, A_LOG.topic, A_LOG.topic_id, str(A_LOG.partition_count)))
    key, value = encode(event)
    message = len(key).to_bytes(4, "big") + key + b"\x01" + value
    outcome, reason = bytes([after.outcome]), after.reason.encode()
    balance = b"\x01" + (10_000).to_bytes(8, "big", signed=True)
    parts = bytes(before.link), sha256(log.encode()).digest(), place, sha256(message).digest()
    assert bytes(after.link) == sha256(b"".join((*parts, outcome, balance, reason))).digest()


def test_the_leader_epoch_of_the_last_message_is_kept_with_the_position(ledger):
    ledger.post_messages([replace(delivered(opened(), 0), leader_epoch=7)])

    assert ledger.position().leader_epoch == 7


def test_an_account_counts_what_was_posted_on_it(ledger):
    ledger.post(opened(), submitted(100), withdrawn(900), submitted(100))

    assert Balance.objects.get(account="C100").posted_count == 3


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\x1b[31m"])
def test_what_a_dead_letter_says_can_be_stored_whatever_it_quotes(ledger, text):
    value = json.dumps({"version": 1, "kind": text, "account": "C100"}).encode()

    outcomes = ledger.post_messages([raw(value, 0), delivered(opened(), 1)])

    assert (outcomes.dead, outcomes.posted) == (1, 1)
    assert DeadLetter.objects.get().detail.isprintable()
    assert Outbox.objects.get().headers["detail"].isprintable()


def test_a_redelivered_submission_is_posted_once(ledger):
    event = submitted(2_500)
    ledger.post(opened(), event)

    outcomes = ledger.post(event, event)

    assert outcomes.repeats == 2
    assert balance_of() == 2_500
    assert Entry.objects.count() == 2


def test_dead_letters_that_are_read_again_are_repeats_and_stay_as_they_are(ledger):
    event = submitted(100)
    _key, other = encode(submitted(200, transaction_id=event.transaction_id))
    messages = [
        delivered(opened(), 0),
        delivered(event, 1),
        raw(other, 2),
        raw(b"no JSON", 3),
    ]
    ledger.post_messages(messages)
    before = list(DeadLetter.objects.values()), ledger.position().link
    LogPosition.objects.update(next_offset=0)

    outcomes = ledger.post_messages(messages)

    assert (outcomes.repeats, outcomes.dead) == (4, 0)
    assert (list(DeadLetter.objects.values()), ledger.position().link) == before
    assert Outbox.objects.count() == 2


def test_a_dead_letter_read_again_stays_dead_though_it_would_be_understood_now(ledger):
    ledger.post_messages([raw(b"not yet", 0), delivered(opened(), 1)])
    LogPosition.objects.update(next_offset=0)

    # As a later release reads the same bytes, here an event.
    outcomes = ledger.post_messages([delivered(submitted(5), 0)])

    assert (outcomes.repeats, outcomes.posted) == (1, 0)
    assert balance_of() == 0


def test_a_stale_batch_is_refused_and_writes_nothing(ledger):
    ledger.post(opened(), submitted(100))

    with pytest.raises(OffsetMoved):
        ledger.post_messages([delivered(submitted(5), 1)], expected={0: 1})

    assert balance_of() == 100
    assert ledger.position().next_offset == 2


def test_a_batch_over_several_partitions_is_all_or_nothing(ledger):
    with pytest.raises(OffsetMoved):
        ledger.post_messages(
            [delivered(opened(), 0, 0), delivered(opened(account="C200"), 7, 1)],
            expected={0: 0, 1: 7},
        )

    assert not Entry.objects.exists()
    assert ledger.position(0).next_offset == 0


def test_an_id_with_other_content_is_dead_and_recorded(ledger):
    event = submitted(100)
    ledger.post(opened(), event)

    ledger.post(submitted(200, transaction_id=event.transaction_id))

    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.transaction_id) == ("id_reused", event.transaction_id)
    assert balance_of() == 100


def test_a_dead_letter_keeps_its_bytes_and_is_copied_through_the_outbox(ledger):
    ledger.post_messages([raw(b"\xff{", 0, key=None), raw(None, 1, key=b"\0")])

    first, second = DeadLetter.objects.order_by("offset")
    assert (first.key, bytes(first.value)) == (None, b"\xff{")
    assert (bytes(second.key), second.value) == (b"\0", None)
    copies = list(Outbox.objects.order_by("id"))
    assert [copy.topic for copy in copies] == ["submissions.dead"] * 2
    assert copies[0].headers["offset"] == "0"
    assert copies[0].headers["reason"] == "not_understood"


def test_what_is_too_large_to_copy_is_kept_in_its_row_and_holds_up_nobody(ledger):
    ledger.post_messages([raw(b" " * 5_000_000, 0)])

    copy = Outbox.objects.get()

    assert len(bytes(DeadLetter.objects.get().value)) == 5_000_000
    assert copy.value is None
    assert copy.headers["omitted"] == "too large to copy"


def test_an_account_that_nobody_filed_is_filed_without_a_branch(ledger):
    ledger.post(opened(account="X9"))

    filed = Account.objects.get(number="X9")
    assert (filed.holder, filed.branch, filed.is_open) == ("", None, True)


def test_a_filed_account_keeps_holder_and_branch_when_it_opens(ledger):
    Account.objects.create(number="C100", holder="Camille Lefèvre")

    ledger.post(opened())

    assert Account.objects.get().holder == "Camille Lefèvre"


def test_totals_of_several_batches_add_up(ledger):
    ledger.post(opened(), submitted(1))
    ledger.post(submitted(2))

    assert DailyTotal.objects.values_list("count", "amount_minor").get() == (2, 3)


def test_an_account_on_two_partitions_has_one_total_and_one_balance_all_the_same(ledger):
    """As a foreign partitioner would have it."""
    ledger.post(opened(), submitted(1))
    ledger.post(submitted(2), partition=1)

    assert DailyTotal.objects.values_list("count", "amount_minor").get() == (2, 3)
    assert balance_of() == opened().opening_balance_minor + 3


def test_gaps_of_control_records_are_passed_over(ledger):
    ledger.post(opened())

    ledger.post_messages([delivered(submitted(5), 9)])

    assert ledger.position().next_offset == 10


def test_a_balance_changed_by_somebody_else_stops_the_batch(ledger, monkeypatch):
    ledger.post(opened(), submitted(100))
    from accounts.ledger import posting

    inside = posting.conclude

    def meddle(messages, books):
        Balance.objects.update(balance_minor=1)
        inside(messages, books)

    monkeypatch.setattr(posting, "conclude", meddle)

    with pytest.raises(BalanceMoved):
        ledger.post(submitted(5))

    assert balance_of() == 100
    assert ledger.position().next_offset == 2


def test_an_id_cannot_have_two_entries(ledger):
    ledger.post(opened())
    entry = Entry.objects.get()
    entry.pk = None

    with pytest.raises(IntegrityError), atomic():
        entry.save(force_insert=True)


def test_the_first_log_is_taken_and_known_again(db):
    first = recognise_log(A_LOG)

    assert recognise_log(A_LOG) == first
    assert LogPosition.objects.filter(log=first).count() == 3


@pytest.mark.parametrize(
    "other",
    [
        LogIdentity("another cluster", "submissions", "a topic", 3),
        LogIdentity("a cluster", "submissions", "another topic", 3),
        LogIdentity("a cluster", "submissions", "a topic", 4),
        LogIdentity("a memory", "submissions", "", 4, is_memory=True),
    ],
    ids=["cluster", "topic", "partitions", "memory"],
)
def test_another_log_is_refused_with_what_differs(db, other):
    recognise_log(A_LOG)

    with pytest.raises(OtherLog):
        recognise_log(other)

    assert current_log().cluster_id == "a cluster"


def test_memory_mode_follows_memory_mode(db):
    recognise_log(LogIdentity("one", "submissions", "", 4, is_memory=True))

    second = recognise_log(LogIdentity("two", "submissions", "", 4, is_memory=True))

    assert current_log() == second


def test_a_real_kafka_after_memory_mode_is_refused(db):
    recognise_log(LogIdentity("one", "submissions", "", 4, is_memory=True))

    with pytest.raises(OtherLog, match="memory mode"):
        recognise_log(A_LOG)


def test_the_sqlite_in_use_has_the_fix_of_the_wal_reset():
    assert sqlite3.sqlite_version_info >= (3, 51, 3)
