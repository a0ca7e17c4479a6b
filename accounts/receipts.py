"""The way of a transaction as its receipt draws it: steps with their times, as shares of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from django.utils import timezone

from accounts.models import DeadLetter, DeadLetterDecision, Entry, Outbox
from accounts.models.fields import instant
from accounts.selectors.dead_letters import Followed
from accounts.selectors.submissions import Receipt

StepName = Literal[
    "submitted",
    "queued",
    "published",
    "posted",
    "rejected",
    "dead",
    "retried",
    "discarded",
    "concluding",
]


@dataclass(frozen=True)
class Step:
    """One step: when it was reached, and how long until then since the step before.

    ``start`` and ``width`` are in percent of the drawing. ``logged`` is the row that names the
    step's place in the log, where it has one.
    """

    name: StepName
    at_ms: int | None
    logged: Entry | DeadLetter | Outbox | None = None
    acknowledged_at_ms: int | None = None
    letter: DeadLetter | None = None
    decision: DeadLetterDecision | None = None
    took_ms: int | None = None
    start: str = "0"
    width: str = "0"
    end: str = "0"

    @property
    def is_done(self) -> bool:
        """Whether the transaction has come this far."""
        return self.at_ms is not None

    @property
    def is_bad(self) -> bool:
        """Whether the transaction failed here, for good or for the time being."""
        return self.name in {"rejected", "dead", "discarded"}


# Room at the right end, for the duration that stands behind the last bar.
_DRAWN_PERCENT = 72


def way_of(receipt: Receipt) -> list[Step]:
    """Give the steps that a transaction has made, and the ones ahead of it without a time."""
    reached = list(_reached(receipt))
    times = [step.at_ms for step in reached if step.at_ms is not None]
    whole_ms = max(1, max(times) - times[0]) if times else 1
    steps: list[Step] = []
    before_ms: int | None = None
    for step in reached:
        if step.at_ms is None or before_ms is None:
            steps.append(step)
        else:
            steps.append(_timed(step, step.at_ms, before_ms, times[0], whole_ms))
        # Clocks of several machines meet here: no step ends before it began.
        if step.at_ms is not None:
            before_ms = max(step.at_ms, before_ms or step.at_ms)
    return steps


def is_of_one_day(way: list[Step]) -> bool:
    """Say whether all steps made were made on one day in the portal's time zone."""
    times = (step.at_ms for step in way if step.at_ms is not None)
    return len({timezone.localdate(instant(at_ms)) for at_ms in times}) < 2


def _reached(receipt: Receipt) -> Iterator[Step]:
    submission, row, entry = receipt.submission, receipt.outbox, receipt.entry
    if submission:
        yield Step("submitted", submission.submitted_at_ms)
    if row:
        yield Step("queued", row.queued_at_ms)
    for each in receipt.set_aside:
        yield from _set_aside(each, row)
        row = each.decision.outbox if each.decision and each.decision.outbox else row
    if entry:
        yield _published(entry, row)
        yield Step("posted" if entry.is_posted else "rejected", entry.posted_at_ms)
    elif receipt.state == "queued":
        at_ms = row.published_at_ms if row else None
        yield Step("published", at_ms, row if at_ms is not None else None, at_ms)
        yield Step("concluding", None)


def _set_aside(each: Followed, row: Outbox | None) -> Iterator[Step]:
    letter, decision = each.letter, each.decision
    yield _published(letter, row)
    yield Step("dead", letter.concluded_at_ms, letter=letter)
    if decision is not None:
        name: StepName = "discarded" if each.fate == "discarded" else "retried"
        yield Step(name, decision.decided_at_ms, decision=decision)


def _published(logged: Entry | DeadLetter, row: Outbox | None) -> Step:
    return Step("published", logged.logged_at_ms, logged, row.published_at_ms if row else None)


def _timed(step: Step, at_ms: int, before_ms: int, first_ms: int, whole_ms: int) -> Step:
    took_ms = max(0, at_ms - before_ms)
    start = (before_ms - first_ms) / whole_ms * _DRAWN_PERCENT
    width = took_ms / whole_ms * _DRAWN_PERCENT
    return replace(
        step,
        took_ms=took_ms,
        start=f"{start:.2f}",
        width=f"{max(width, 0.4):.2f}",
        end=f"{start + width:.2f}",
    )
