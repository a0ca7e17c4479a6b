"""What agents submitted beside what is published of it, and what people decided."""

from collections.abc import Callable, Collection, Iterator

from django.db.models import Exists, OuterRef

from accounts.models import (
    KIND_BY_CODE,
    Agent,
    DeadLetter,
    DeadLetterDecision,
    Outbox,
    Submission,
)
from accounts.models.fields import instant
from accounts.oracle import read_event
from accounts.outbox import done_without_outcome
from accounts.verification.compared import whole_bytes
from accounts.verification.discrepancy import Discrepancy, differences
from accounts.verification.parts import in_parts
from accounts.verification.unasked import check_unasked, published_topics


def check_outbox(advance: Callable[[int], None]) -> Iterator[Discrepancy]:
    """Look whether each submission is to be published as asked, and is done only when it is."""
    topics = published_topics()
    for submissions in in_parts(Submission.objects.select_related("outbox", "submitted_by")):
        advance(0)
        for submission in submissions:
            what = _wrong_with(submission, topics)
            if what:
                yield Discrepancy(
                    what=f"submission {submission.pk} {what}",
                    account=submission.account,
                    transaction_id=submission.transaction_id,
                )
    yield from check_unasked(advance)
    for rows in in_parts(done_without_outcome()):
        advance(0)
        for row in rows:
            yield Discrepancy(
                what=f"outbox row {row.pk} is done and has no outcome",
                topic=row.topic,
                partition=row.partition,
                offset=row.offset,
            )


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


def _wrong_with(submission: Submission, topics: Collection[str]) -> str:
    row: Outbox | None = getattr(submission, "outbox", None)
    if row is None:
        return "is not in the outbox, so nothing publishes it"
    _content, event = read_event(whole_bytes(row.key), whole_bytes(row.value))
    if event is None:
        return "is in the outbox with bytes that are no event"
    if row.topic not in topics:
        return f"is in the outbox for the topic {row.topic}, which is none of the ledger's"
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
            ("submitted_by", event["submitted_by"], _submitter(submission, event["submitted_by"])),
        )
    )
    return f"is published as another: {found}" if found else ""


def _submitter(submission: Submission, name: str) -> str:
    """Give who submitted by the row: ``name`` where that may be an earlier one of the agent."""
    by = submission.submitted_by.username
    moment = instant(submission.submitted_at_ms)
    # An agent can be given another name, and a new agent the name that is free then.
    if by == name or Agent.objects.filter(username=name, date_joined__lte=moment).exists():
        return by
    return name
