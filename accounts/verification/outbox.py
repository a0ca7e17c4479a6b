"""What agents submitted beside what is published of it, and what people decided."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, QuerySet

from accounts.models import KIND_BY_CODE, DeadLetter, DeadLetterDecision, Outbox, Submission
from accounts.oracle import read_event
from accounts.outbox import done_without_outcome
from accounts.verification.discrepancy import Discrepancy, differences

_ROWS = 1_000

Row = TypeVar("Row", bound=Model)


def check_outbox(advance: Callable[[int], None]) -> Iterator[Discrepancy]:
    """Look whether each submission is to be published as asked, and is done only when it is."""
    for submissions in _in_parts(Submission.objects.select_related("outbox")):
        advance(0)
        for submission in submissions:
            what = _wrong_with(submission)
            if what:
                yield Discrepancy(
                    what=f"submission {submission.pk} {what}",
                    account=submission.account,
                    transaction_id=submission.transaction_id,
                )
    for rows in _in_parts(done_without_outcome()):
        advance(0)
        for row in rows:
            yield Discrepancy(
                what=f"outbox row {row.pk} is done and has no outcome",
                topic=row.topic,
                partition=row.partition,
                offset=row.offset,
            )


def _in_parts(rows: "QuerySet[Row]") -> Iterator[list[Row]]:
    """Give ``rows`` by ranges of their ids, without holding a cursor open."""
    in_order = rows.order_by("pk")
    part = list(in_order[:_ROWS])
    while part:
        yield part
        part = list(in_order.filter(pk__gt=part[-1].pk)[:_ROWS])


def check_decisions() -> Iterator[Discrepancy]:
    """Look whether each decision is about a dead letter."""
    same = {name: OuterRef(name) for name in ("log", "partition", "offset")}
    for decision in DeadLetterDecision.objects.exclude(
        Exists(DeadLetter.objects.filter(**same))
    ).select_related("log"):
        yield Discrepancy(
            what=f"decision {decision.pk} is about no dead letter",
            topic=decision.log.topic,
            partition=decision.partition,
            offset=decision.offset,
        )


def _wrong_with(submission: Submission) -> str:
    row: Outbox | None = getattr(submission, "outbox", None)
    if row is None:
        return "is not in the outbox, so nothing publishes it"
    _content, event = read_event(bytes(row.key or b""), bytes(row.value or b""))
    if event is None:
        return "is in the outbox with bytes that are no event"
    found = differences(
        (
            ("transaction_id", event["transaction_id"], submission.transaction_id),
            ("account", event["account"], submission.account),
            ("kind", int(KIND_BY_CODE[event["kind"]]), submission.kind_id),
            ("amount_minor", event["amount_minor"], submission.amount_minor),
            (
                "least_balance_minor",
                event.get("least_balance_minor"),
                submission.least_balance_minor,
            ),
            ("currency", event["currency"], submission.currency),
            ("reference", event["reference"], submission.reference),
            ("business_date", event["business_date"], submission.business_date),
            ("submitted_at_ms", event["submitted_at_ms"], submission.submitted_at_ms),
        )
    )
    return f"is published as another: {found}" if found else ""
