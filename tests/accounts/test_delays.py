"""What every page says while submissions wait for Kafka or for the ledger."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.events import decode
from accounts.identifiers import new_transaction_id
from accounts.models import Kind, Outbox
from accounts.outbox import Publication, record_publications
from accounts.selectors.delays import Delays, delays
from accounts.services.submissions import submit_transaction
from accounts.templatetags.moments import clock
from tests.accounts.test_submit_page import plain
from tests.tampering import behind_the_back

NOBODY_WAITS = Delays(kafka=None, ledger=None)
FOR_KAFKA = "Des opérations attendent Kafka depuis"
TO_BE_POSTED = "Des opérations attendent d’être comptabilisées depuis"


def ago(seconds: float) -> int:
    """An instant of today: of another day pages show the date too."""
    now = timezone.localtime()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(max(midnight, now - timedelta(seconds=seconds)).timestamp() * 1000)


def queued(bank, *, at_ms: int) -> Outbox:
    """A deposit that a teller submitted at that instant."""
    submission = submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=1_000,
        by=bank.teller,
    )
    with behind_the_back():
        Outbox.objects.filter(submission=submission).update(queued_at_ms=at_ms)
    return Outbox.objects.get(submission=submission)


def published(bank, row: Outbox, *, at_ms: int) -> Outbox:
    record_publications([Publication(row.pk, bank.ledger.log.pk, 0, 100 + row.pk, at_ms)])
    return row


def test_nothing_is_said_of_what_was_submitted_a_moment_ago(bank, signed_in):
    queued(bank, at_ms=ago(1))
    published(bank, queued(bank, at_ms=ago(2)), at_ms=ago(1))

    page = signed_in(bank.teller).get("/accounts/")

    assert delays() == NOBODY_WAITS
    assert page.content.count(b'data-delayed="') == 2
    assert FOR_KAFKA + " %(time)s" in plain(page)
    assert "depuis 1" not in plain(page)


def test_what_kafka_has_not_taken_is_counted_since_the_first_of_it(bank):
    first_ms = ago(60)
    queued(bank, at_ms=first_ms)
    queued(bank, at_ms=ago(30))
    queued(bank, at_ms=ago(1))

    waiting = delays()

    assert waiting.ledger is None
    assert (waiting.kafka.number, waiting.kafka.since_ms) == (2, first_ms)


def test_what_the_ledger_has_not_concluded_is_counted_since_kafka_has_it(bank):
    taken_ms = ago(10)
    published(bank, queued(bank, at_ms=ago(600)), at_ms=taken_ms)

    waiting = delays()

    assert waiting.kafka is None
    assert (waiting.ledger.number, waiting.ledger.since_ms) == (1, taken_ms)


def test_what_has_its_outcome_waits_no_more_though_the_relay_has_not_closed_it(bank):
    row = published(bank, queued(bank, at_ms=ago(60)), at_ms=ago(50))
    unacknowledged = queued(bank, at_ms=ago(60))

    for each in (row, unacknowledged):
        bank.ledger.post(decode(bytes(each.key), bytes(each.value)))

    assert delays() == NOBODY_WAITS


def test_where_nothing_waits_one_query_reads_open_rows_alone(bank, django_assert_num_queries):
    with django_assert_num_queries(1) as queries:
        delays()

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
            plan = " ".join(step[3] for step in cursor.fetchall())
        assert "INDEX outbox_open" in plan


@pytest.mark.parametrize(
    ("role", "said", "unsaid"),
    [
        ("teller", "accepté et mis en file, pas comptabilisé", "run_relay"),
        ("supervisor", "accepté et mis en file, pas comptabilisé", "run_relay"),
        ("operator", "run_relay ne tourne pas", "accepté"),
    ],
)
def test_each_role_is_told_what_it_can_act_on(bank, signed_in, role, said, unsaid):
    queued(bank, at_ms=(since_ms := ago(600)))

    page = plain(signed_in(getattr(bank, role)).get("/dashboard/"))

    assert f"{FOR_KAFKA} {clock(since_ms)}." in page
    assert said in page
    assert unsaid not in page
    assert shown(page) == ["kafka"]


def shown(page: str) -> list[str]:
    """Which of the banners a page shows."""
    banners = page.split('data-delayed="')[1:]
    return [each.split('"')[0] for each in banners if "hidden" not in each.split(">")[0]]


def test_the_admin_says_so_as_well(bank, signed_in):
    published(bank, queued(bank, at_ms=ago(600)), at_ms=(since_ms := ago(500)))

    page = plain(signed_in(bank.administrator).get("/admin/"))

    assert f"{TO_BE_POSTED} {clock(since_ms)}." in page
    assert shown(page) == ["ledger"]


def test_english_pages_say_it_in_english(bank, signed_in):
    published(bank, queued(bank, at_ms=ago(600)), at_ms=(since_ms := ago(500)))

    page = plain(signed_in(bank.teller, "en").get("/accounts/C100/"))

    assert f"Transactions have been waiting to be posted since {clock(since_ms)}." in page


def test_who_has_not_signed_in_is_told_nothing(bank, client):
    queued(bank, at_ms=ago(600))

    page = plain(client.get(settings.LOGIN_URL))

    assert "data-delayed" not in page
