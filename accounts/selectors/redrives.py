"""Which dead letters may be published once more: only those that would not be dead again."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.events import NotUnderstood, decode, without_quotes
from accounts.models import DeadLetter, DeadLetterDecision, Decision, Entry
from accounts.selectors.dead_letters import (
    Place,
    decided,
    decisions_about,
    followed,
    place_of,
)

# Less than a topic takes by Kafka's own default, batch header and key included. A larger message
# came compressed, and would be refused for good as the relay publishes it.
LARGEST_REDRIVEN = 1_048_500


def redrive_refusals(letters: Sequence[DeadLetter]) -> dict[int, str]:
    """Give why each of ``letters`` may not be published again, "" where it may, by its id.

    What today's code does not understand, or whose id has an outcome, is certain to die again
    or to be dropped (law 1). At most 500 letters, of which the first of one id may go.
    """
    decisions = decisions_about(letters)
    numbers = {each.transaction_id for each in letters if each.transaction_id}
    concluded = _concluded(numbers)
    on_the_way = _on_the_way(numbers)
    found: dict[int, str] = {}
    for letter in letters:
        refusal = (
            already(decisions.get(place_of(letter)))
            or _unfit(letter)
            or _in_vain(letter, concluded, on_the_way)
        )
        found[letter.pk] = refusal
        if not refusal and letter.transaction_id:
            on_the_way.add(letter.transaction_id)
    return found


def discard_refusals(letters: Sequence[DeadLetter]) -> dict[int, str]:
    """Give why each of ``letters`` may not be discarded, "" where it may, by its id."""
    decisions = decisions_about(letters)
    return {each.pk: already(decisions.get(place_of(each))) for each in letters}


def already(decision: DeadLetterDecision | None) -> str:
    """Say what was decided before, or nothing."""
    if decision is None:
        return ""
    if decision.decision == Decision.REDRIVEN:
        return _("redriven already, by %(name)s") % {"name": decision.decided_by}
    return _("discarded already, by %(name)s") % {"name": decision.decided_by}


def _unfit(letter: DeadLetter) -> str:
    key = None if letter.key is None else bytes(letter.key)
    value = None if letter.value is None else bytes(letter.value)
    try:
        decode(key, value)
    except NotUnderstood as reason:
        # Said to operators too, who see nothing of customers.
        return _("would be dead again: %(reason)s") % {"reason": without_quotes(str(reason))}
    if letter.transaction_id is None:
        return _("its id was not read when it died, so that its outcome could not be followed")
    if len(key or b"") + len(value or b"") > LARGEST_REDRIVEN:
        return _("larger than a message may be that is published again")
    return ""


def _in_vain(letter: DeadLetter, concluded: dict[UUID, Place], on_the_way: Collection[UUID]) -> str:
    number = letter.transaction_id
    if number in concluded:
        return _("its id has an outcome already, at %(place)s") % {"place": concluded[number]}
    return _("its id is on its way again already") if number in on_the_way else ""


def _concluded(numbers: Collection[UUID]) -> dict[UUID, Place]:
    entries = Entry.objects.filter(transaction_id__in=numbers)
    rows = entries.values_list("transaction_id", "log_id", "partition", "offset")
    return {number: Place(*place) for number, *place in rows}


def _on_the_way(numbers: Collection[UUID]) -> set[UUID]:
    redriven = decided(
        DeadLetter.objects.filter(transaction_id__in=numbers), Decision.REDRIVEN
    ).defer("key", "value")
    return {
        each.letter.transaction_id
        for each in followed(list(redriven))
        if each.fate == "retried" and each.letter.transaction_id
    }
