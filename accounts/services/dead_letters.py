"""Writes what people decide about dead letters: to publish one once more, or to let it be."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from accounts.models import (
    Act,
    Agent,
    DeadLetter,
    DeadLetterDecision,
    Decision,
    ObjectKind,
    Outbox,
)
from accounts.selectors.dead_letters import Place, place_of
from accounts.selectors.redrives import discard_refusals, redrive_refusals
from accounts.services.audit import Deed, Subject, Values, record
from accounts.services.rights import refuse_who_lost_the_right

REASON_LENGTH = 300
NAME_LENGTH = 150


class ReasonRefused(Exception):
    """The reason given cannot be kept; the text says why. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was done with one dead letter: what was asked, or nothing, for the reason given."""

    place: Place
    refusal: str

    @property
    def is_done(self) -> bool:
        """Whether what was asked was done."""
        return not self.refusal


def redrive(letter_ids: Sequence[int], *, by: Agent | str, reason: str = "") -> list[Verdict]:
    """Publish dead letters once more through the outbox, and record who decided it and when.

    Each goes as a new message with its original key and bytes, so with its own id. In one
    transaction, for at most a batch of ``in_batches``; may be repeated, also in parallel, since
    each is decided once. ``by`` is an agent, whose role is checked, or the name of who runs
    commands on the machine. Raises ``PermissionDenied`` and ``ReasonRefused``.
    """
    name, why = _name_of(by), _one_line(reason)
    with atomic():
        letters = _held(letter_ids, by)
        refusals = redrive_refusals(letters)
        wanted = [each for each in letters if not refusals[each.pk]]
        rows = Outbox.objects.bulk_create(_to_publish(each) for each in wanted)
        DeadLetterDecision.objects.bulk_create(
            _decision(letter, Decision.REDRIVEN, name, why, row)
            for letter, row in zip(wanted, rows, strict=True)
        )
        deeds = [
            _deed(letter, Act.REDRIVE, {"outbox": row.pk, **_words(name, why)})
            for letter, row in zip(wanted, rows, strict=True)
        ]
        record(*deeds, by=by)
    return [Verdict(place_of(each), refusals[each.pk]) for each in letters]


def discard(letter_ids: Sequence[int], *, by: Agent | str, reason: str) -> list[Verdict]:
    """Record that dead letters are left as they are, why, who decided it and when.

    Their rows and bytes stay. Otherwise as ``redrive``; a reason has to be given.
    """
    name, why = _name_of(by), _one_line(reason)
    if not why:
        raise ReasonRefused(_("Say why: a dead letter is discarded with a reason."))
    with atomic():
        letters = _held(letter_ids, by, without=("key", "value"))
        refusals = discard_refusals(letters)
        wanted = [each for each in letters if not refusals[each.pk]]
        DeadLetterDecision.objects.bulk_create(
            _decision(each, Decision.DISCARDED, name, why) for each in wanted
        )
        record(*(_deed(each, Act.DISCARD, _words(name, why)) for each in wanted), by=by)
    return [Verdict(place_of(each), refusals[each.pk]) for each in letters]


def refuse_who_may_not_decide(agent: Agent) -> None:
    """Raise ``PermissionDenied`` unless the agent's role decides about dead letters."""
    if not agent.decides_dead_letters:
        raise PermissionDenied


def _name_of(by: Agent | str) -> str:
    if isinstance(by, str):
        return by
    refuse_who_may_not_decide(by)
    return by.username


def _one_line(reason: str) -> str:
    text = reason.strip()
    if len(text) > REASON_LENGTH:
        raise ReasonRefused(
            _("The reason is longer than %(most)d characters.") % {"most": REASON_LENGTH}
        )
    if not text.isprintable():
        raise ReasonRefused(_("The reason has to be one line of text."))
    return text


def _held(
    letter_ids: Sequence[int], by: Agent | str, *, without: Sequence[str] = ()
) -> list[DeadLetter]:
    """Give the letters, so that nobody else decides about them before this transaction ends."""
    if isinstance(by, Agent):
        refuse_who_lost_the_right(by)
    letters = DeadLetter.objects.filter(pk__in=letter_ids).defer(*without).order_by("pk")
    # SQLite has one writer at a time anyway.
    return list(letters.select_for_update())


def _deed(letter: DeadLetter, act: Act, after: Values) -> Deed:
    place = f"{letter.log_id}/{letter.partition}:{letter.offset}"
    return Deed(act=act, about=Subject(ObjectKind.DEAD_LETTER, place), after=after)


def _words(name: str, reason: str) -> dict[str, str]:
    return {"decided_by": name, **({"reason": reason} if reason else {})}


def _to_publish(letter: DeadLetter) -> Outbox:
    # No headers: with them, the largest message there can be would be too large.
    return Outbox(
        topic=settings.KAFKA_TOPIC,
        key=letter.key,
        value=letter.value,
        queued_at_ms=time.time_ns() // 1_000_000,
    )


def _decision(
    letter: DeadLetter, decision: Decision, name: str, reason: str, row: Outbox | None = None
) -> DeadLetterDecision:
    return DeadLetterDecision(
        log_id=letter.log_id,
        partition=letter.partition,
        offset=letter.offset,
        decision=decision,
        reason=reason,
        decided_by=name,
        decided_at_ms=time.time_ns() // 1_000_000,
        outbox=row,
    )
