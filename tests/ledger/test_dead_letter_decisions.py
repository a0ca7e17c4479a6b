"""Deciding about dead letters: what may be redriven, what is recorded, what comes of it."""

import threading
import time
from datetime import date

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.test import override_settings
from django.utils import translation
from msgspec.structs import replace

from accounts import outbox
from accounts.events import encode
from accounts.models import Agent, Branch, DeadLetter, DeadLetterDecision, Entry, Outbox
from accounts.outbox import Publication
from accounts.selectors import dead_letters as selectors
from accounts.selectors.dead_letters import (
    DeadLetterFilter,
    followed,
    in_batches,
    undecided,
    undecided_count,
)
from accounts.selectors.redrives import LARGEST_REDRIVEN
from accounts.services.dead_letters import ReasonRefused, discard, redrive
from tests.builders import LedgerInTest, delivered, opened, raw, submitted


def refusals(*letters: DeadLetter) -> list[str]:
    return [each.refusal for each in redrive([each.pk for each in letters], by="ana")]


def fate_of(letter: DeadLetter) -> str:
    return followed([letter])[0].fate


def publish(row: Outbox, ledger: LedgerInTest, *, age_ms: int = 0) -> int:
    """Let the broker append and acknowledge a row; give the offset."""
    offset = ledger.position().next_offset
    now_ms = time.time_ns() // 1_000_000
    outbox.record_publications([Publication(row.pk, ledger.log.pk, 0, offset, now_ms - age_ms)])
    row.refresh_from_db()
    return offset


def test_a_redrive_queues_the_original_bytes_with_a_record_of_who_and_when(ledger):
    event = submitted(100)
    letter = ledger.bury(event)

    verdicts = redrive([letter.pk], by="ana", reason=" understood since the update ")

    assert [(str(each.place), each.refusal) for each in verdicts] == [("0:0", "")]
    decision = DeadLetterDecision.objects.get()
    row = decision.outbox
    assert (row.topic, bytes(row.key), bytes(row.value)) == ("submissions", *encode(event))
    assert (row.headers, row.is_done) == (None, False)
    assert (decision.log, decision.partition, decision.offset) == (ledger.log, 0, 0)
    assert (decision.decision, decision.decided_by) == ("redriven", "ana")
    assert decision.reason == "understood since the update"
    assert abs(decision.decided_at_ms - time.time() * 1000) < 60_000


def test_what_today_would_not_be_understood_either_is_refused_with_the_reason(ledger):
    ledger.post_messages([raw(b"{broken", 0), raw(None, 1), raw(encode(submitted())[1], 2, b"X")])
    letters = DeadLetter.objects.order_by("id")

    with translation.override(None):
        said = refusals(*letters)

    assert [each.split(":")[0] for each in said] == ["would be dead again"] * 3
    assert "malformed" in said[0]
    assert not DeadLetterDecision.objects.exists()
    assert not Outbox.objects.filter(topic="submissions").exists()


def test_an_id_that_has_an_outcome_is_refused_with_its_place(ledger):
    event = submitted(100)
    _key, other = encode(submitted(200, transaction_id=event.transaction_id))
    ledger.post_messages([delivered(opened(), 0), delivered(event, 1), raw(other, 2)])

    (said,) = refusals(DeadLetter.objects.get())

    assert "0:1" in said
    assert not DeadLetterDecision.objects.exists()


def test_a_letter_is_decided_once(ledger):
    letter, other = ledger.bury(submitted(1)), ledger.bury(submitted(2))
    redrive([letter.pk], by="ana")
    discard([other.pk], by="ben", reason="a test of ours")

    again = redrive([letter.pk, other.pk], by="eve")
    discarded = discard([letter.pk, other.pk], by="eve", reason="no")

    assert not any(each.is_done for each in [*again, *discarded])
    assert "ana" in again[0].refusal
    assert "ben" in again[1].refusal
    assert DeadLetterDecision.objects.count() == 2


def test_of_two_letters_with_one_id_only_the_first_goes(ledger):
    event = submitted(100)
    first = ledger.bury(event)
    second = ledger.bury(submitted(200, transaction_id=event.transaction_id))
    third = ledger.bury(submitted(300, transaction_id=event.transaction_id))

    together = refusals(first, second)
    later = refusals(third)

    assert (together[0], bool(together[1]), bool(later[0])) == ("", True, True)
    assert DeadLetterDecision.objects.count() == 1


def test_a_letter_without_an_id_or_too_large_to_publish_is_refused(ledger):
    unread = ledger.bury(submitted(1), transaction_id=None)
    _key, value = encode(submitted(1))
    padded = value[:-1] + b',"padding":"' + b"x" * (LARGEST_REDRIVEN - len(value)) + b'"}'
    large = ledger.bury(submitted(1), value=padded)

    said = refusals(unread, large)

    assert all(said)
    assert said[0] != said[1]
    assert not DeadLetterDecision.objects.exists()


def test_a_redriven_letter_is_retried_until_it_is_posted(ledger):
    ledger.post(opened())
    event = submitted(100)
    letter = ledger.bury(event)
    redrive([letter.pk], by="ana")
    row = DeadLetterDecision.objects.get().outbox
    fates = [fate_of(letter)]

    publish(row, ledger)
    fates.append(fate_of(letter))
    ledger.post(event)
    fates.append(fate_of(letter))

    assert fates == ["retried", "retried", "posted"]
    assert Entry.objects.filter(transaction_id=event.transaction_id).count() == 1
    assert outbox.close_concluded() == 1


def test_a_redriven_letter_that_dies_again_says_where(ledger):
    event = submitted(100)
    letter = ledger.bury(event)
    redrive([letter.pk], by="ana")
    offset = publish(DeadLetterDecision.objects.get().outbox, ledger)

    again = ledger.bury(event)

    found = followed([letter, again])
    assert (found[0].fate, str(found[0].died_at)) == ("dead", f"0:{offset}")
    assert found[1].fate == "undecided"
    assert outbox.close_concluded() == 1
    # Decided on its own, since it is another dead letter.
    assert refusals(again) == [""]


def test_an_acknowledged_redrive_waits_for_its_outcome_and_is_published_again_when_lost(ledger):
    letter = ledger.bury(submitted(100))
    redrive([letter.pk], by="ana")
    row = DeadLetterDecision.objects.get().outbox
    publish(row, ledger, age_ms=61_000)

    waiting, done = outbox.waiting().count(), row.is_done
    ledger.post(opened(account="C900"))
    again = outbox.publish_again_what_got_lost(ledger.log.pk)

    assert (waiting, done, again) == (1, False, 1)
    assert row in outbox.unpublished(besides=(), limit=10)


def test_the_letter_that_was_redriven_is_no_outcome_of_the_new_message(ledger):
    letter = ledger.bury(submitted(100))
    redrive([letter.pk], by="ana")
    publish(DeadLetterDecision.objects.get().outbox, ledger)

    assert outbox.close_concluded() == 0
    assert outbox.waiting().count() == 1


def test_a_discard_needs_a_reason_of_one_line(ledger):
    letter = ledger.bury(submitted(100))

    for reason in ("", "   ", "x" * 301, "two\nlines", "\udcff"):
        with pytest.raises(ReasonRefused):
            discard([letter.pk], by="ana", reason=reason)

    assert undecided_count() == 1


def test_a_discarded_letter_keeps_its_bytes_and_the_reason(ledger):
    letter = ledger.bury(submitted(100))

    discard([letter.pk], by="ana", reason="sent twice by the partner")

    (found,) = followed([letter])
    assert (found.fate, found.decision.reason) == ("discarded", "sent twice by the partner")
    assert DeadLetter.objects.filter(value__isnull=False).count() == 1
    assert (undecided_count(), outbox.waiting().count()) == (0, 0)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("teller", False),
        ("supervisor", False),
        ("auditor", False),
        ("operator", True),
        ("administrator", True),
    ],
)
def test_only_operators_and_administrators_decide(ledger, role, may):
    branch = Branch.objects.create(code="lyon", name="Lyon")
    agent = Agent.objects.create(username="camille", role=role, branch=branch)
    letter = ledger.bury(submitted(100))
    other = ledger.bury(submitted(100))

    def decide() -> None:
        redrive([letter.pk], by=agent)
        discard([other.pk], by=agent, reason="a test")

    if may:
        decide()
    else:
        with pytest.raises(PermissionDenied):
            redrive([letter.pk], by=agent)
        with pytest.raises(PermissionDenied):
            discard([other.pk], by=agent, reason="a test")

    names = set(DeadLetterDecision.objects.values_list("decided_by", flat=True))
    assert names == ({"camille"} if may else set())


def test_who_has_left_decides_nothing(ledger):
    agent = Agent.objects.create(username="ops", role="operator", is_active=False)

    with pytest.raises(PermissionDenied):
        redrive([ledger.bury(submitted(1)).pk], by=agent)


def test_a_filter_chooses_by_what_it_names(ledger):
    event = submitted(100)
    _key, other = encode(submitted(5, transaction_id=event.transaction_id))
    ledger.post_messages([delivered(opened(), 0), delivered(event, 1), raw(other, 2)])
    ledger.post_messages([raw(b"x", n, b"C900", partition=1) for n in range(3)])

    def chosen(**wanted) -> list[str]:
        letters = DeadLetterFilter(**wanted).applied_to(DeadLetter.objects.order_by("id"))
        return [str(each) for each in letters]

    assert chosen() == ["0:2", "1:0", "1:1", "1:2"]
    assert chosen(reason="id_reused") == ["0:2"]
    assert chosen(account="C900", offsets=(1, 2)) == ["1:1", "1:2"]
    assert chosen(partition=1, offsets=(0, 0)) == ["1:0"]
    assert chosen(transaction_id=event.transaction_id) == ["0:2"]
    assert chosen(log_id=ledger.log.pk + 1) == []


def test_days_are_those_of_the_portals_time_zone(ledger):
    # 23:30 on 24 November in Paris, and half past midnight there.
    moments = (1_795_559_400_000, 1_795_563_000_000)
    ledger.post_messages(
        [replace(raw(b"x", n), logged_at_ms=at_ms) for n, at_ms in enumerate(moments)]
    )
    day = DeadLetterFilter(first=date(2026, 11, 24), last=date(2026, 11, 24))

    in_paris = [each.offset for each in day.applied_to(DeadLetter.objects.order_by("id"))]
    with override_settings(TIME_ZONE="UTC"):
        in_utc = [each.offset for each in day.applied_to(DeadLetter.objects.order_by("id"))]

    assert (in_paris, in_utc) == ([0], [0, 1])


def test_batches_are_bounded_by_rows_and_by_bytes_and_miss_none(ledger, monkeypatch):
    monkeypatch.setattr(selectors, "LETTERS_AT_A_TIME", 3)
    monkeypatch.setattr(selectors, "BYTES_AT_A_TIME", 100)
    sizes = [10, 10, 10, 10, 90, 90, 500, 1]
    ledger.post_messages([raw(b"x" * size, n, b"") for n, size in enumerate(sizes)])

    batches = list(in_batches(DeadLetter.objects.all()))

    offsets = [[DeadLetter.objects.get(pk=pk).offset for pk in batch] for batch in batches]
    assert offsets == [[0, 1, 2], [3, 4], [5], [6], [7]]


def test_letters_that_are_decided_meanwhile_hide_none_of_the_others(ledger, monkeypatch):
    monkeypatch.setattr(selectors, "LETTERS_AT_A_TIME", 2)
    for number in range(5):
        ledger.bury(submitted(number + 1))

    for batch in in_batches(undecided(DeadLetter.objects.all())):
        redrive(batch, by="ana")

    assert undecided_count() == 0


@pytest.mark.django_db(transaction=True)
def test_many_who_decide_at_once_decide_once(transactional_db):
    letters = [LedgerInTest().bury(submitted(n + 1)).pk for n in range(20)]
    verdicts: list[bool] = []
    ready = threading.Barrier(6)

    def decide(number: int) -> None:
        ready.wait()
        try:
            act = redrive if number % 2 else discard
            found = act(letters, by=f"agent {number}", reason="at once")
            verdicts.extend(each.is_done for each in found)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert (len(verdicts), sum(verdicts)) == (120, 20)
    assert DeadLetterDecision.objects.count() == 20
    redriven = DeadLetterDecision.objects.filter(decision="redriven").count()
    assert Outbox.objects.filter(topic="submissions").count() == redriven


def test_following_a_page_of_letters_takes_few_queries(ledger, django_assert_max_num_queries):
    letters = [ledger.bury(submitted(n + 1)) for n in range(30)]
    redrive([each.pk for each in letters[:20]], by="ana")

    with django_assert_max_num_queries(3):
        followed(letters)
