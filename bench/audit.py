"""What the audit log costs: a submission with and without its record, room, verification, pages.

Without Kafka. `ROUNDS` and `RECORDS` in the environment change its size.
"""

import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.pipeline import temporary_folder

ROUNDS = int(os.environ.get("ROUNDS", "300"))
RECORDS = int(os.environ.get("RECORDS", "1000000"))
AT_A_TIME = 10_000


def main() -> None:
    """Print the figures."""
    with temporary_folder():
        for name, figure in measure():
            print(f"{name:>32} {figure}")


def measure() -> "list[tuple[str, str]]":
    """Give each figure with its name."""
    from accounts.models import Account, Agent, Branch

    branch = Branch.objects.create(code="bench", name="Bench")
    Account.objects.create(number="C100", branch=branch)
    teller = Agent.objects.create(username="bench", role="teller", branch=branch)
    auditor = Agent.objects.create(username="auditor", role="auditor")
    return [*submissions(teller), *room(teller), *verification(), *reads(auditor)]


def submissions(teller: object) -> "list[tuple[str, str]]":
    """Submit with and without a record in turn; give the medians."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        for is_audited in (True, False) if number % 2 else (False, True):
            took[is_audited].append(_submit(teller, is_audited=is_audited))
    return [
        (name, f"{statistics.median(took[kind]) * 1_000:,.2f} ms")
        for name, kind in (("a submission", True), ("without its record", False))
    ]


def _submit(teller: object, *, is_audited: bool) -> float:
    from accounts.identifiers import new_transaction_id
    from accounts.models import Kind
    from accounts.services import submissions as service

    record = service.record if is_audited else lambda *_deeds, **_by: None
    with patch.object(service, "record", record):
        started = time.perf_counter()
        service.submit_transaction(
            transaction_id=new_transaction_id(),
            account="C100",
            kind=Kind.DEPOSIT,
            amount_minor=500,
            by=teller,
        )
        return time.perf_counter() - started


def room(teller: object) -> "list[tuple[str, str]]":
    """Fill the log; give the rate and the bytes that a record takes, with its indexes."""
    from django.db import connection

    from accounts.identifiers import new_transaction_id
    from accounts.models import Act, ObjectKind
    from accounts.services.audit import Deed, Subject, record_alone

    def size() -> int:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_total_relation_size('accounts_auditrecord')")
            else:
                cursor.execute("PRAGMA page_count")
            found = int(cursor.fetchone()[0])
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA page_size")
                found *= int(cursor.fetchone()[0])
        return found

    before, started = size(), time.perf_counter()
    after = {"account": "C100", "amount_minor": 12_345, "currency": "EUR", "kind": "deposit"}
    for _part in range(0, RECORDS, AT_A_TIME):
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
    took = time.perf_counter() - started
    return [
        ("records in parts", f"{RECORDS / took:,.0f} /s"),
        ("a record takes", f"{(size() - before) / RECORDS:,.0f} bytes"),
    ]


def verification() -> "list[tuple[str, str]]":
    """Verify the log; give the rate, and the memory of doing so."""
    from accounts.verification.audit import AuditVerification

    started = time.perf_counter()
    verification = AuditVerification()
    assert not list(verification.run(lambda _count: None))  # noqa: S101 # else it means nothing
    took = time.perf_counter() - started
    tracemalloc.start()
    list(AuditVerification().run(lambda _count: None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [
        ("verified", f"{verification.record_count / took:,.0f} /s"),
        ("memory of verifying", f"{peak / 1_000_000:,.1f} MB"),
    ]


def reads(auditor: object) -> "list[tuple[str, str]]":
    """Give how long the page's query takes by each filter."""
    from accounts.selectors.audit import AuditFilter, audit_page

    filters = {
        "page: all": {},
        "page: an act that never was": {"act": "adoption"},
        "page: an object": {"object": "C100"},
        "page: an agent": {"agent": "nobody"},
        "page: refused": {"outcome": "refused"},
        "page: an address": {"address": "10.0.0.1"},
        "page: dates of long ago": {"range": "dates", "last": _day("2001-12-31")},
    }
    return [
        (name, f"{_timed(lambda of=of: audit_page(auditor, AuditFilter(**of))) * 1_000:,.1f} ms")
        for name, of in filters.items()
    ]


def _day(text: str) -> object:
    from datetime import date

    return date.fromisoformat(text)


def _timed(act: Callable[[], object]) -> float:
    act()
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
