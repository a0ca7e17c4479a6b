"""Submissions queued while Kafka is away, and how fast they drain once it is back.

`make bench` runs it; `COUNT` and `ACCOUNTS` in the environment change its size.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.pipeline import manage, running, running_broker, temporary_folder

COUNT = int(os.environ.get("COUNT", "10000"))
ACCOUNTS = int(os.environ.get("ACCOUNTS", "500"))


def main() -> None:
    """Print the figures, or fail where anything was published or posted twice."""
    with temporary_folder():
        with running_broker():
            manage("create_topics")
            queue_openings()
            with running("run_relay"), running("run_consumer"):
                wait_until_done(ACCOUNTS)
        queued_s = queue_movements()
        with running("run_relay"), running("run_consumer"), running_broker():
            back = time.perf_counter()
            published_s = wait_until_published() - back
            done_s = wait_until_done(ACCOUNTS + COUNT) - back
            in_topic = messages_in_topic()
        refuse_doubles(in_topic)
    print(f"{'queued':>24} {COUNT / queued_s:12,.0f} /s")
    print(f"{'all published after':>24} {published_s:12.1f} s {COUNT / published_s:12,.0f} /s")
    print(f"{'all have an outcome after':>24} {done_s:11.1f} s {COUNT / done_s:12,.0f} /s")
    print(f"{'nothing double':>24} {in_topic:12,} messages")


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


def queue_movements() -> float:
    """Submit as agents do: to each account in turn what only its order allows; give the seconds."""
    from accounts.identifiers import new_transaction_id
    from accounts.models import Agent, Kind
    from accounts.services.submissions import submit_transaction

    teller = Agent.objects.get()
    started = time.perf_counter()
    for number in range(COUNT):
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


def refuse_doubles(in_topic: int) -> None:
    """End with an error unless each submission was published once, posted once and in order."""
    from accounts.models import Entry, Outbox, Outcome

    found = (
        in_topic,
        Outbox.objects.filter(attempts=1).count(),
        Entry.objects.filter(outcome=Outcome.POSTED).count(),
    )
    if found != (ACCOUNTS + COUNT,) * 3:
        raise SystemExit(f"Published, once, posted: {found}, not {ACCOUNTS + COUNT:,} each.")


if __name__ == "__main__":
    main()
