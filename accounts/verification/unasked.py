"""What waits to be published, or was, and no agent asked: copies of dead letters, and redrives."""

from collections.abc import Callable, Iterator, Sequence

from django.conf import settings
from django.db.models import Q

from accounts.models import DeadLetter, DeadLetterDecision, Log, Outbox
from accounts.oracle import read_event
from accounts.verification.compared import stored_bytes, whole_bytes
from accounts.verification.discrepancy import Discrepancy
from accounts.verification.parts import in_parts

# Each may hold a megabyte, and so may its dead letter.
_ROWS = 20


def check_unasked(advance: Callable[[int], None]) -> Iterator[Discrepancy]:
    """Look whether each such row has the bytes of its dead letter: others would make up money."""
    topics = published_topics()
    for rows in in_parts(Outbox.objects.filter(submission=None), _ROWS):
        advance(0)
        decisions = {
            each.outbox_id: each for each in DeadLetterDecision.objects.filter(outbox__in=rows)
        }
        letters = _letters_of(rows, list(decisions.values()))
        for row in rows:
            what = _wrong_with(row, decisions.get(row.pk), letters, row.topic in topics)
            if what:
                yield _about(row, what)


def published_topics() -> set[str]:
    """Give the topics that a ledger has followed, or is about to."""
    return {settings.KAFKA_TOPIC, *Log.objects.values_list("topic", flat=True)}


def _letters_of(
    rows: Sequence[Outbox], decisions: Sequence[DeadLetterDecision]
) -> dict[tuple[str, str], list[DeadLetter]]:
    """Give the dead letters that ``rows`` can be about, by partition and offset as headers are."""
    places = {_place_in(row) for row in rows}
    places |= {(str(each.partition), str(each.offset)) for each in decisions}
    among = Q(pk__in=[])
    for partition, offset in places:
        if partition.isdecimal() and offset.isdecimal():
            among |= Q(partition=partition, offset=offset)
    found: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in DeadLetter.objects.filter(among):
        found.setdefault((str(letter.partition), str(letter.offset)), []).append(letter)
    return found


def _wrong_with(
    row: Outbox,
    decision: DeadLetterDecision | None,
    letters: dict[tuple[str, str], list[DeadLetter]],
    is_of_the_log: bool,
) -> str:
    if decision is not None:
        place = str(decision.partition), str(decision.offset)
        own = [each for each in letters.get(place, []) if each.log_id == decision.log_id]
        if own and not _has_bytes_of(row, own[0]):
            return f"redrives the dead letter at {':'.join(place)} with other bytes than its own"
        return "" if is_of_the_log else f"redrives to {row.topic}, which is no topic of the ledger"
    if is_of_the_log:
        return "publishes what nobody submitted, and is no redrive"
    copied = letters.get(_place_in(row), [])
    is_omitted = row.key is None and row.value is None and "omitted" in (row.headers or {})
    if any(is_omitted or _has_bytes_of(row, each) for each in copied):
        return ""
    return "is the copy of no dead letter that is there"


def _place_in(row: Outbox) -> tuple[str, str]:
    headers = row.headers if isinstance(row.headers, dict) else {}
    return str(headers.get("partition")), str(headers.get("offset"))


def _has_bytes_of(row: Outbox, letter: DeadLetter) -> bool:
    own = stored_bytes(row.key), stored_bytes(row.value)
    return own == (stored_bytes(letter.key), stored_bytes(letter.value))


def _about(row: Outbox, what: str) -> Discrepancy:
    _content, event = read_event(whole_bytes(row.key), whole_bytes(row.value))
    return Discrepancy(
        what=f"outbox row {row.pk} {what}",
        account=event["account"] if event else None,
        transaction_id=event["transaction_id"] if event else None,
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
    )
