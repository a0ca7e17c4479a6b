"""What the audit log costs: a submission with and without its record, verification, pages.

Without Kafka.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING
from unittest.mock import patch

from bench.figure import Beside, Figure, at_most, in_turn
from bench.pipeline import temporary_folder

if TYPE_CHECKING:
    from accounts.models import Agent

AT_A_TIME = 1_000
LOOKS = 5


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give what a record adds to a submission, then what ten times the records add to the rest."""
    rounds, few = 100 if quick else 300, 20_000
    with temporary_folder():
        from accounts.models import Account, Agent, Branch

        branch = Branch.objects.create(code="bench", name="Bench")
        Account.objects.create(number="C100", branch=branch)
        teller = Agent.objects.create(username="bench", role="teller", branch=branch)
        auditor = Agent.objects.create(username="auditor", role="auditor")
        yield submissions(teller, rounds)
        fill(teller, few)
        small = verification(), reads(auditor)
        written = fill(teller, few * 9)
        large = verification(), reads(auditor)
        yield Figure(
            name=f"{few * 10:,} records verified",
            unit="records/s",
            samples=(large[0][0],),
            beside=(
                Beside(name=f"{few:,} of them", kind="limit", samples=(small[0][0],)),
                Beside(name="written, many at once", kind="rival", samples=(written,)),
            ),
        )
        yield Figure(
            name="memory of verifying them",
            unit="MB",
            samples=(large[0][1],),
            beside=(
                Beside(
                    name=f"{few:,} of them",
                    kind="limit",
                    samples=(small[0][1],),
                    target=at_most(1.3),
                ),
            ),
        )
        for name, samples in large[1].items():
            fewer = Beside(name=f"of {few:,}", kind="limit", samples=small[1][name])
            yield Figure(name=f"page of audit, {name}", unit="ms", samples=samples, beside=(fewer,))


def submissions(teller: "Agent", rounds: int) -> Figure:
    """Submit with and without a record in turn."""
    found = in_turn(
        rounds,
        {
            "with": lambda: _submit(teller, is_audited=True),
            "without": lambda: _submit(teller, is_audited=False),
        },
    )
    without = Beside(name="without its record", kind="limit", samples=found["without"])
    return Figure(
        name="a submission in the audit log", unit="ms", samples=found["with"], beside=(without,)
    )


def _submit(teller: "Agent", *, is_audited: bool) -> float:
    from accounts.identifiers import new_transaction_id
    from accounts.models import Kind
    from accounts.services import audit
    from accounts.services import submissions as service

    record = audit.record if is_audited else lambda *_deeds, **_by: None
    with patch.object(service, "record", record):
        started = time.perf_counter()
        service.submit_transaction(
            transaction_id=new_transaction_id(),
            account="C100",
            kind=Kind.DEPOSIT,
            amount_minor=500,
            by=teller,
        )
        return (time.perf_counter() - started) * 1_000


def fill(teller: "Agent", records: int) -> float:
    """Write records, many in a transaction; give the rate."""
    from accounts.identifiers import new_transaction_id
    from accounts.models import Act, ObjectKind
    from accounts.services.audit import Deed, Subject, record_alone

    started = time.perf_counter()
    after = {"account": "C100", "amount_minor": 12_345, "currency": "EUR", "kind": "deposit"}
    for _part in range(0, records, AT_A_TIME):
        record_alone(
            *(
                Deed(
                    act=Act.SUBMISSION,
                    about=Subject(ObjectKind.TRANSACTION, str(new_transaction_id()), 1),
                    after=after,
                )
                for _each in range(AT_A_TIME)
            ),
            by=teller,
        )
    return records / (time.perf_counter() - started)


def verification() -> tuple[float, float]:
    """Verify the log; give the rate, and the megabytes of memory that it takes at most."""
    from accounts.verification.audit import AuditVerification

    started = time.perf_counter()
    verification = AuditVerification()
    assert not list(verification.run(lambda _count: None))  # noqa: S101 # else it means nothing
    took = time.perf_counter() - started
    tracemalloc.start()
    list(AuditVerification().run(lambda _count: None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return verification.record_count / took, peak / 1e6


def reads(auditor: "Agent") -> dict[str, tuple[float, ...]]:
    """Give how long the page's query takes by each filter."""
    from accounts.selectors.audit import AuditFilter, audit_page

    filters: dict[str, dict[str, object]] = {
        "all": {},
        "an act that never was": {"act": "adoption"},
        "an object": {"object": "C100"},
        "refused": {"outcome": "refused"},
        "dates of long ago": {"range": "dates", "last": date(2001, 12, 31)},
    }
    return in_turn(
        LOOKS,
        {
            name: lambda of=of: _timed(lambda: audit_page(auditor, AuditFilter(**of)))  # type: ignore[misc]
            for name, of in filters.items()
        },
    )


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1_000
