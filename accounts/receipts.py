"""The way of a transaction as its receipt draws it: steps with their times, as shares of it."""

from dataclasses import dataclass
from typing import Literal

from accounts.selectors.submissions import Receipt

StepName = Literal["submitted", "queued", "published", "posted", "rejected", "dead", "concluding"]


@dataclass(frozen=True)
class Step:
    """One step: when it was reached, and how long until then since the step before.

    ``start`` and ``width`` are in percent of the drawing.
    """

    name: StepName
    at_ms: int | None
    took_ms: int | None = None
    start: str = "0"
    width: str = "0"
    end: str = "0"

    @property
    def is_done(self) -> bool:
        """Whether the transaction has come this far."""
        return self.at_ms is not None


# Room at the right end, for the duration that stands behind the last bar.
_DRAWN_PERCENT = 72


def way_of(receipt: Receipt) -> list[Step]:
    """Give the steps that a transaction has made, and the ones ahead of it without a time."""
    reached = _reached(receipt)
    times = [at_ms for _, at_ms in reached if at_ms is not None]
    whole_ms = max(1, times[-1] - times[0]) if times else 1
    steps: list[Step] = []
    before_ms: int | None = None
    for name, at_ms in reached:
        if at_ms is None or before_ms is None:
            steps.append(Step(name, at_ms))
        else:
            steps.append(_step(name, before_ms, at_ms, times[0], whole_ms))
        # Clocks of several machines meet here: no step ends before it began.
        before_ms = max(at_ms, before_ms or at_ms) if at_ms is not None else before_ms
    return steps


def _reached(receipt: Receipt) -> list[tuple[StepName, int | None]]:
    submission, outbox, entry = receipt.submission, receipt.outbox, receipt.entry
    dead_letter = receipt.dead_letter
    reached: list[tuple[StepName, int | None]] = []
    if submission:
        reached.append(("submitted", submission.submitted_at_ms))
    if outbox:
        reached.append(("queued", outbox.queued_at_ms))
    logged = entry or dead_letter
    published_at_ms = outbox.published_at_ms if outbox else None
    reached.append(("published", logged.logged_at_ms if logged else published_at_ms))
    if entry:
        reached.append(("posted" if entry.is_posted else "rejected", entry.posted_at_ms))
    elif dead_letter:
        reached.append(("dead", dead_letter.concluded_at_ms))
    else:
        reached.append(("concluding", None))
    return reached


def _step(name: StepName, before_ms: int, at_ms: int, first_ms: int, whole_ms: int) -> Step:
    took_ms = max(0, at_ms - before_ms)
    start = (before_ms - first_ms) / whole_ms * _DRAWN_PERCENT
    width = took_ms / whole_ms * _DRAWN_PERCENT
    return Step(
        name, at_ms, took_ms, f"{start:.2f}", f"{max(width, 0.4):.2f}", f"{start + width:.2f}"
    )
