"""Reads of dead letters: which ones, what was decided about each, and what came of that."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Length
from django.utils import timezone

from accounts.ledger.messages import digest_of
from accounts.models import DeadLetter, DeadLetterDecision, Decision, Entry, Outcome, Submission

# What one transaction of ``services.dead_letters`` takes: few rows, and few bytes of them.
LETTERS_AT_A_TIME = 500
BYTES_AT_A_TIME = 4_000_000

Fate = Literal["undecided", "discarded", "retried", "posted", "rejected", "dead"]


class Place(NamedTuple):
    """Where a message stands: which log, which partition, which offset."""

    log_id: int
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, kw_only=True)
class DeadLetterFilter:
    """Which dead letters are meant. Nothing given means all of them.

    ``first`` and ``last`` are days of the portal's time zone on which the broker appended them;
    ``offsets`` are the first and the last one, both included.
    """

    log_id: int | None = None
    partition: int | None = None
    offsets: tuple[int, int] | None = None
    reason: str = ""
    account: str = ""
    transaction_id: UUID | None = None
    first: date | None = None
    last: date | None = None

    def applied_to(self, letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        """Narrow ``letters`` to what the filter lets through."""
        given = {
            "log": self.log_id,
            "partition": self.partition,
            "offset__range": self.offsets,
            "reason": self.reason or None,
            "key": self.account.encode() or None,
            "transaction_id": self.transaction_id,
            "logged_at_ms__gte": self.first and _start_of(self.first),
            "logged_at_ms__lt": self.last and _start_of(self.last + timedelta(days=1)),
        }
        return letters.filter(**{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A dead letter with what was decided about it, and what came of it.

    ``fate`` is *retried* from the redrive until the new message has an outcome, and *dead* where
    that died too, at ``died_at``.
    """

    letter: DeadLetter
    decision: DeadLetterDecision | None
    fate: Fate
    died_at: Place | None = None


def undecided(letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
    """Narrow ``letters`` to those about which nobody has decided."""
    return letters.exclude(Exists(_decisions_there()))


def decided(letters: QuerySet[DeadLetter], decision: Decision) -> QuerySet[DeadLetter]:
    """Narrow ``letters`` to those with that decision."""
    return letters.filter(Exists(_decisions_there().filter(decision=decision)))


def undecided_count() -> int:
    """Give how many dead letters wait for a decision, without looking at each of them."""
    there = DeadLetter.objects.filter(
        log=OuterRef("log"), partition=OuterRef("partition"), offset=OuterRef("offset")
    )
    decisions = DeadLetterDecision.objects.filter(Exists(there))
    return DeadLetter.objects.count() - decisions.count()


def in_batches(letters: QuerySet[DeadLetter]) -> Iterator[list[int]]:
    """Give the ids of ``letters`` in their order, a few at a time, with no cursor left open."""
    sized = letters.annotate(size=Coalesce(Length("value"), 0) + Coalesce(Length("key"), 0))
    rows = sized.order_by("id").values_list("id", "size")
    last = 0
    while part := list(rows.filter(id__gt=last)[:LETTERS_AT_A_TIME]):
        batch: list[int] = []
        taken = 0
        for letter_id, size in part:
            if batch and taken + size > BYTES_AT_A_TIME:
                break
            batch.append(letter_id)
            taken += size
        yield batch
        last = batch[-1]


def followed(letters: Sequence[DeadLetter]) -> list[Followed]:
    """Give for each of at most 500 ``letters`` what was decided and what came of it."""
    decisions = decisions_about(letters)
    redriven = [each for each in letters if place_of(each) in decisions]
    outcomes = _outcomes_of(redriven)
    died = _letters_at(_published_at(each) for each in decisions.values())
    return [_followed(each, decisions.get(place_of(each)), outcomes, died) for each in letters]


def decisions_about(letters: Iterable[DeadLetter]) -> dict[Place, DeadLetterDecision]:
    """Give the decisions about ``letters``, by their places."""
    decisions = DeadLetterDecision.objects.filter(_at(map(place_of, letters)))
    rows = decisions.select_related("outbox").defer(
        "outbox__key", "outbox__value", "outbox__headers"
    )
    return {Place(each.log_id, each.partition, each.offset): each for each in rows}


def set_aside(submissions: Sequence[Submission]) -> dict[UUID, list[Followed]]:
    """Give the dead letters of the messages that ``submissions`` are, in the ledger's order.

    Only of just those bytes: what others sent with the same id is nothing of theirs. By
    transaction; those that have none are left out. Each submission comes with its outbox row.
    """
    digests = {each.transaction_id: _digest_of(each) for each in submissions}
    letters = DeadLetter.objects.filter(transaction_id__in=digests).defer("key", "value")
    own = [
        each
        for each in letters.select_related("log").order_by("id")
        if each.transaction_id and bytes(each.digest) == digests[each.transaction_id]
    ]
    found: defaultdict[UUID, list[Followed]] = defaultdict(list)
    for each in followed(own) if own else ():
        found[each.letter.transaction_id].append(each)
    return dict(found)


def is_retried(letters: Iterable[Followed]) -> bool:
    """Say whether one of ``letters`` is on its way again."""
    return any(each.fate == "retried" for each in letters)


def place_of(letter: DeadLetter) -> Place:
    """Give where ``letter`` stands."""
    return Place(letter.log_id, letter.partition, letter.offset)


def _followed(
    letter: DeadLetter,
    decision: DeadLetterDecision | None,
    outcomes: dict[UUID, Outcome],
    died: set[Place],
) -> Followed:
    if decision is None:
        return Followed(letter=letter, decision=None, fate="undecided")
    if decision.decision == Decision.DISCARDED:
        return Followed(letter=letter, decision=decision, fate="discarded")
    outcome = outcomes.get(letter.transaction_id) if letter.transaction_id else None
    if outcome is not None:
        fate: Fate = "posted" if outcome == Outcome.POSTED else "rejected"
        return Followed(letter=letter, decision=decision, fate=fate)
    published_at = _published_at(decision)
    if published_at in died:
        return Followed(letter=letter, decision=decision, fate="dead", died_at=published_at)
    return Followed(letter=letter, decision=decision, fate="retried")


def _outcomes_of(letters: Iterable[DeadLetter]) -> dict[UUID, Outcome]:
    numbers = {each.transaction_id for each in letters if each.transaction_id}
    entries = Entry.objects.filter(transaction_id__in=numbers)
    return {
        number: Outcome(outcome)
        for number, outcome in entries.values_list("transaction_id", "outcome")
    }


def _published_at(decision: DeadLetterDecision) -> Place | None:
    row = decision.outbox
    if row is None or row.log_id is None or row.partition is None or row.offset is None:
        return None
    return Place(row.log_id, row.partition, row.offset)


def _letters_at(places: Iterable[Place | None]) -> set[Place]:
    rows = DeadLetter.objects.filter(_at(each for each in places if each is not None))
    return {Place(*row) for row in rows.values_list("log_id", "partition", "offset")}


def _at(places: Iterable[Place]) -> Q:
    """Give the condition that a row stands at one of ``places``: few terms for many of them."""
    offsets: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for log_id, partition, offset in places:
        offsets[log_id, partition].append(offset)
    wanted = Q(pk__in=[])
    for (log_id, partition), wanted_there in offsets.items():
        wanted |= Q(log=log_id, partition=partition, offset__in=wanted_there)
    return wanted


def _decisions_there() -> QuerySet[DeadLetterDecision]:
    return DeadLetterDecision.objects.filter(
        log=OuterRef("log"), partition=OuterRef("partition"), offset=OuterRef("offset")
    )


def _digest_of(submission: Submission) -> bytes:
    row = submission.outbox
    return digest_of(
        None if row.key is None else bytes(row.key),
        None if row.value is None else bytes(row.value),
    )


def _start_of(day: date) -> int:
    start = datetime.combine(day, time.min, timezone.get_default_timezone())
    return int(start.timestamp() * 1000)
