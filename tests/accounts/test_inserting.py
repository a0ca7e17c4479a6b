"""A new row that is written in one statement is the one that Django would have written."""

from datetime import date

import pytest
from django.db import IntegrityError
from django.db.models import Model
from django.db.transaction import atomic

from accounts.identifiers import new_transaction_id
from accounts.models import Agent, Kind, Outbox, Role, Submission
from accounts.models.inserting import insert
from accounts.money import GREATEST_MINOR
from tests.live import agent


@pytest.fixture
def teller(db) -> Agent:
    return agent("teller", Role.TELLER, "lyon")


def submission(by: Agent) -> Submission:
    return Submission(
        transaction_id=new_transaction_id(),
        account="C100",
        kind_id=Kind.WITHDRAWAL,
        amount_minor=GREATEST_MINOR,
        currency="EUR",
        reference="été",
        business_date=date(2026, 2, 28),
        submitted_at_ms=7,
        submitted_by=by,
    )


def queued(submission: Submission, headers: dict[str, str] | None) -> Outbox:
    return Outbox(
        topic="submissions",
        key=b"C100",
        value=b"\0\xff",
        headers=headers,
        submission=submission,
        queued_at_ms=7,
    )


def content(row: Model, *but: str) -> dict[str, object]:
    found = type(row).objects.filter(pk=row.pk).values().get()
    return {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in found.items()
        if name not in {"id", *but}
    }


@pytest.mark.parametrize("headers", [None, {"traceparent": "00-a\N{SNOWMAN}"}])
def test_every_column_is_as_django_writes_it(teller, headers):
    ours, djangos = submission(teller), submission(teller)
    insert(ours)
    djangos.save(force_insert=True)
    our_row, djangos_row = queued(ours, headers), queued(djangos, headers)
    insert(our_row)
    djangos_row.save(force_insert=True)

    assert content(ours, "transaction_id") == content(djangos, "transaction_id")
    assert content(our_row, "submission_id") == content(djangos_row, "submission_id")


def test_it_has_its_key_and_is_there(teller):
    made = submission(teller)

    insert(made)

    assert Submission.objects.get(transaction_id=made.transaction_id).pk == made.pk
    made.refresh_from_db()
    assert not made._state.adding


def test_what_the_database_refuses_is_not_written(teller):
    made = submission(teller)
    insert(made)
    again = submission(teller)
    again.transaction_id = made.transaction_id

    with pytest.raises(IntegrityError), atomic():
        insert(again)

    assert again.pk is None
    assert Submission.objects.count() == 1
