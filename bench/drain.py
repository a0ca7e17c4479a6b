"""Submissions queued while Kafka is away, and how fast they drain once it is back."""

import time
from collections.abc import Iterator

from bench.figure import Beside, Figure
from bench.pipeline import manage, running, running_broker, temporary_folder

COUNT, ACCOUNTS = 10_000, 500


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give the rate of the drain; fails where anything was published or posted twice."""
    count = COUNT // 10 if quick else COUNT
    with temporary_folder():
        with running_broker():
            manage("create_topics")
            queue_openings()
            with running("run_relay"), running("run_consumer"):
                wait_until_done(ACCOUNTS)
        queued_s = queue_movements(count)
        with running("run_relay"), running("run_consumer"), running_broker():
            back = time.perf_counter()
            published_s = wait_until_published() - back
            done_s = wait_until_done(ACCOUNTS + count) - back
            in_topic = messages_in_topic()
        refuse_doubles(in_topic, count)
    yield Figure(
        name=f"{count:,} queued submissions, once Kafka is back",
        unit="posted/s",
        samples=(count / done_s,),
        beside=(
            Beside(name="published", kind="limit", samples=(count / published_s,)),
            Beside(name="as they were queued", kind="rival", samples=(count / queued_s,)),
        ),
    )


def queue_openings() -> None:
    """Let agents open the accounts."""
    from accounts.identifiers import new_transaction_id
    from accounts.models import Agent, Branch
    from accounts.services.accounts import open_account

    branch = Branch.objects.create(code="bench", name="Bench")
    teller = Agent.objects.create_user("bench", role="teller", branch=branch)
    for number in range(ACCOUNTS):
        open_account(
            transaction_id=new_transaction_id(),
            number=f"B{number}",
            holder="Bench",
            opening_balance_minor=0,
            least_balance_minor=0,
            by=teller,
        )


def queue_movements(count: int) -> float:
    """Submit as agents do: to each account in turn what only its order allows; give the seconds."""
    from accounts.identifiers import new_transaction_id
    from accounts.models import Agent, Kind
    from accounts.services.submissions import submit_transaction

    teller = Agent.objects.get()
    started = time.perf_counter()
    for number in range(count):
        submit_transaction(
            transaction_id=new_transaction_id(),
            account=f"B{number % ACCOUNTS}",
            kind=Kind.WITHDRAWAL if number // ACCOUNTS % 2 else Kind.DEPOSIT,
            amount_minor=100,
            by=teller,
        )
    return time.perf_counter() - started


def wait_until_published() -> float:
    """Give the moment at which nothing was left to publish."""
    from accounts.models import Outbox

    while Outbox.objects.filter(published_at_ms=None).exists():
        time.sleep(0.02)
    return time.perf_counter()


def wait_until_done(count: int) -> float:
    """Give the moment at which the ledger had ``count`` entries."""
    from accounts.models import Entry

    while Entry.objects.count() < count:
        time.sleep(0.02)
    return time.perf_counter()


def messages_in_topic() -> int:
    """Give the number of messages that were published."""
    from django.conf import settings

    from streaming.endpoint import required_endpoint
    from streaming.kafka.admin import describe_log

    return describe_log(required_endpoint(), settings.KAFKA_TOPIC).message_count


def refuse_doubles(in_topic: int, count: int) -> None:
    """End with an error unless each submission was published once, posted once and in order."""
    from accounts.models import Entry, Outbox, Outcome

    found = (
        in_topic,
        Outbox.objects.filter(attempts=1).count(),
        Entry.objects.filter(outcome=Outcome.POSTED).count(),
    )
    if found != (ACCOUNTS + count,) * 3:
        raise SystemExit(f"Published, once, posted: {found}, not {ACCOUNTS + count:,} each.")
