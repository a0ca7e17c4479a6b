"""Going on with another log: one outcome for each id, one chain, and a decision on record."""

import hashlib
import re

import pytest

from accounts.ledger.identity import LogReplaced, current_log, identity_of, recognise_log
from accounts.ledger.messages import NO_LINK, LogIdentity, first_links
from accounts.models import AuditRecord, Entry, Log, LogPosition, Outbox
from accounts.outbox import Publication, publish_again_what_got_lost, record_publications, waiting
from accounts.selectors.positions import current_epoch
from accounts.selectors.status import followed_log
from accounts.services.adoption import Adoption, NotAdopted, Unread, adopt_log
from tests.builders import A_LOG, LedgerInTest, delivered, opened, raw, submitted

ANOTHER = LogIdentity("another cluster", "submissions", "another topic", 3)


def adopt(
    seen: LogIdentity = ANOTHER, *, begins: int = 0, reason="The disk is lost.", by="ops"
) -> Adoption:
    return adopt_log(
        seen, first_offsets=dict.fromkeys(range(seen.partition_count), begins), reason=reason, by=by
    )


def links(log: Log, name: str = "link") -> list[bytes]:
    rows = LogPosition.objects.filter(log=log).order_by("partition")
    return [bytes(getattr(row, name)) for row in rows]


def test_the_decision_is_on_record_and_the_log_is_the_ledgers(ledger):
    adoption = adopt()

    log = current_log()
    assert log == adoption.adopted == recognise_log(ANOTHER)
    assert identity_of(log) == ANOTHER
    assert (log.adopted_by, log.reason) == ("ops", "The disk is lost.")
    assert log.adopted_at_ms > 0
    assert followed_log().number == 2
    assert (followed_log().adopted_by, followed_log().reason) == ("ops", "The disk is lost.")
    assert re.search("cluster a cluster is now another cluster", adoption.differences[0])
    assert Log.objects.count() == 2
    kept = AuditRecord.objects.get()
    assert (kept.act, kept.object_id) == ("adoption", str(log.pk))
    assert '"reason":"The disk is lost."' in kept.after


def test_an_id_has_one_outcome_over_both_logs(ledger):
    """Red where ids are looked up by log."""
    events = [opened(), submitted(100)]
    ledger.post(*events)
    adopt()
    again = LedgerInTest(ANOTHER)

    outcomes = again.post(*events, submitted(7))

    assert (outcomes.posted, outcomes.repeats) == (1, 2)
    assert Entry.objects.count() == 3


def test_each_chain_goes_on_from_the_log_before(ledger):
    """Red where an adopted log begins from nothing."""
    ledger.post(opened(), submitted(1))
    ledger.post(opened(account="C200"), partition=2)
    before = links(ledger.log)

    adopted = adopt(begins=5).adopted

    assert links(adopted, "first_link") == links(adopted) == before
    assert before[1] == NO_LINK
    rows = LogPosition.objects.filter(log=adopted)
    assert {(row.first_offset, row.next_offset) for row in rows} == {(5, 5)}


@pytest.mark.parametrize("count", [2, 4])
def test_with_other_partitions_each_chain_goes_on_from_all_of_them(ledger, count):
    ledger.post(opened(), submitted(1))
    ledger.post(opened(account="C200"), partition=2)
    before = links(ledger.log)

    adopted = adopt(LogIdentity("a cluster", "submissions", "a topic", count)).adopted

    assert links(adopted, "first_link") == [hashlib.sha256(b"".join(before)).digest()] * count
    assert first_links(dict(enumerate(before)), count) == links(adopted)


def test_the_same_log_without_what_was_not_read_is_named_by_its_offsets(ledger):
    ledger.post(opened())

    adoption = adopt(A_LOG, begins=4)

    assert adoption.differences == []
    assert adoption.unread == (
        Unread(partition=0, first=1, last=3),
        Unread(partition=1, first=0, last=3),
        Unread(partition=2, first=0, last=3),
    )
    assert adoption.concluded == 1
    assert LedgerInTest(A_LOG).position().next_offset == 4


def test_a_consumer_of_the_log_before_is_refused_its_next_batch(ledger):
    """Red without the look at ``is_current``: it would post on to a log that is past."""
    ledger.post(opened())
    adopt()

    with pytest.raises(LogReplaced):
        ledger.post_messages([delivered(submitted(5), 1)])

    assert Entry.objects.count() == 1


def test_what_has_no_outcome_is_published_to_it_again(ledger):
    ledger.post_messages([raw(b"x", 0)])
    row = Outbox.objects.get()
    record_publications([Publication(row.pk, ledger.log.pk, 0, 1, 1)])

    adoption = adopt()

    # A copied dead letter is done, as it was.
    assert (adoption.published_again, waiting().count()) == (0, 0)
    assert publish_again_what_got_lost(adoption.adopted.pk) == 0


def test_pages_that_are_open_reload(ledger):
    before = current_epoch()

    adopt()

    assert current_epoch() != before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"reason": "  "}, "The reason has to be"),
        ({"reason": "x" * 201}, "The reason has to be"),
        ({"reason": "two\nlines"}, "The reason has to be"),
        ({"by": ""}, "The name has to be"),
    ],
)
def test_a_decision_without_words_is_refused(ledger, words, complaint):
    with pytest.raises(NotAdopted, match=complaint):
        adopt(**words)

    assert current_log() == ledger.log


def test_memory_mode_and_a_real_kafka_stay_apart(db):
    memory = LogIdentity("one", "submissions", "", 3, is_memory=True)
    with pytest.raises(NotAdopted, match="no log yet"):
        adopt()
    recognise_log(memory)

    with pytest.raises(NotAdopted, match="DATA_DIR"):
        adopt(A_LOG)
    with pytest.raises(NotAdopted, match="DATA_DIR"):
        adopt(memory)

    assert identity_of(current_log()) == memory
