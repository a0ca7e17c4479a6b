"""Rebuilding a ledger that has followed several logs, from archives of them."""

import pytest

from accounts.events import decode
from accounts.ledger.messages import LogIdentity
from accounts.models import Log, LogPosition
from accounts.services.adoption import adopt_log
from streaming.archive import ArchivedLog, Part, write_archive
from streaming.progress import Console
from streaming.rebuilding import rebuild
from streaming.sources import MessagesMissing, Sources
from streaming.stopping import StopRequest
from tests.builders import A_LOG, LedgerInTest, delivered, opened, raw, submitted

# In memory mode each start is another log, and the next one is taken without being asked.
FIRST = LogIdentity("first", "submissions", "", 3, is_memory=True)
SECOND = LogIdentity("second", "submissions", "", 3, is_memory=True)


@pytest.fixture
def followed(transactional_db):
    """A ledger that has followed two logs, and the messages of each."""
    event = submitted(700)
    first = [delivered(opened(), 0), delivered(event, 1), raw(b"poison", 2)]
    second = [delivered(event, 0), delivered(submitted(5), 1), raw(b"poison", 0, partition=1)]
    for identity, messages in ((FIRST, first), (SECOND, second)):
        LedgerInTest(identity).post_messages(messages)
    return first, second


@pytest.fixture
def archive(tmp_path):
    """Give a function that archives messages of the log number ``which``: 0, or 1."""

    def write(which: int, messages, *, first=0, name="log"):
        log = Log.objects.order_by("pk")[which]
        path = tmp_path / f"{name}-{which}-{first}.jsonl.gz"
        parts = [Part(n, *_span(messages, n)) for n in range(log.partition_count)]
        positions = LogPosition.objects.filter(log=log)
        write_archive(path, ArchivedLog.of(log, positions), parts, messages)
        return path

    return write


def _span(messages, partition):
    offsets = [each.offset for each in messages if each.partition == partition]
    return (offsets[0], offsets[-1] + 1) if offsets else (0, 0)


def rebuilt_from(*archives) -> tuple[int, list[str]]:
    """Give how many messages were read, and what differs."""
    console = Console(lambda _line: None, StopRequest())
    with rebuild(Sources(archives), console=console, gives_way=False) as made:
        made.post(made.noted.next_offsets())
        return made.messages, [str(each) for each in made.differences()]


def test_the_logs_are_read_one_after_the_other(followed, archive):
    first, second = followed

    assert rebuilt_from(archive(1, second), archive(0, first)) == (6, [])


def test_an_earlier_log_without_its_archive_is_refused_with_the_way_on(followed, archive):
    _first, second = followed

    with pytest.raises(MessagesMissing, match=r"offsets 0 to 2 of partition 0 .*first/.*--archive"):
        rebuilt_from(archive(1, second))


def test_archives_may_overlap_and_come_in_any_order(followed, archive):
    first, second = followed

    parts = [archive(0, first[1:], first=1), archive(0, first[:2]), archive(1, second)]

    assert rebuilt_from(*parts) == (6, [])


def test_a_gap_between_archives_is_refused(followed, archive):
    first, second = followed

    with pytest.raises(MessagesMissing, match="offsets 1 to 2 of partition 0"):
        rebuilt_from(archive(0, first[2:], first=2), archive(0, first[:1]), archive(1, second))


def test_the_same_log_followed_again_is_another_one_to_the_archives(followed, archive):
    first, second = followed
    # As when it was cut, has grown again and was adopted.
    archives = [archive(0, first), archive(1, second)]
    Log.objects.filter(cluster_id="first").update(adopted_at_ms=1)

    with pytest.raises(MessagesMissing, match="of partition 0"):
        rebuilt_from(*archives)


def test_what_the_archive_says_otherwise_is_a_difference(followed, archive):
    first, second = followed
    same = decode(first[1].key, first[1].value).transaction_id
    other = [first[0], delivered(submitted(701, transaction_id=same), 1), first[2]]

    read, differences = rebuilt_from(archive(0, other), archive(1, second))

    assert read == 6
    assert any("amount_minor is 700, and 701 by the log" in each for each in differences)


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("partition_count", [3, 2])
def test_the_chain_of_an_adopted_log_goes_on_from_the_one_before(
    transactional_db, archive, partition_count
):
    first = [delivered(opened(), 0), delivered(submitted(5), 1)]
    LedgerInTest(A_LOG).post_messages(first)
    second = LogIdentity("another", "submissions", "another topic", partition_count)
    adopt_log(second, first_offsets=dict.fromkeys(range(3), 0), reason="lost", by="operator")
    messages = [delivered(submitted(7), 0)]
    LedgerInTest(second).post_messages(messages)

    archives = archive(0, first), archive(1, messages)

    assert rebuilt_from(*archives) == (3, [])


def test_a_chain_that_hangs_on_nothing_is_a_difference(transactional_db, archive):
    first = [delivered(opened(), 0)]
    LedgerInTest(A_LOG).post_messages(first)
    second = LogIdentity("another", "submissions", "another topic", 3)
    adopt_log(second, first_offsets=dict.fromkeys(range(3), 0), reason="lost", by="operator")
    # Somebody who writes the database anew makes a chain that is right in itself.
    LogPosition.objects.filter(log__cluster_id="another").update(
        first_link=b"x" * 32, link=b"x" * 32
    )
    messages = [delivered(submitted(7), 0)]
    LedgerInTest(second).post_messages(messages)

    _read, differences = rebuilt_from(archive(0, first), archive(1, messages))

    assert len(differences) == 3
    assert "first_link is 7878" in differences[0]
