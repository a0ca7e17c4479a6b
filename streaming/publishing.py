"""Seeing many events into the ledger, from the first to the last, wherever Kafka goes meanwhile."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from accounts.events import Event
from accounts.selectors.outcomes import IDS_AT_A_TIME, conclusions_of
from streaming.bulk import BulkPublisher, KafkaMoved
from streaming.progress import Console, Interrupted, Progress
from streaming.waiting import wait_for_log

# How long the ledger may conclude nothing before it counts as standing still.
PATIENCE_S: Final = 60.0

Item = TypeVar("Item")


def publish_until_concluded(
    events: Callable[[], Iterable[Event]],
    *,
    total: int,
    rate: float | None = None,
    console: Console,
) -> None:
    """Publish those of ``events()`` that have no outcome yet, in order, and wait for theirs.

    ``events`` is called again, and has to give the same ones, when Kafka has gone elsewhere.
    ``total`` is how many it gives, for who watches.
    May be repeated, and stopped at any moment. Waits, saying so, for broker, topic and
    consumer. Raises ``LedgerStands``, ``NotDelivered``, ``Interrupted``,
    and what ``wait_for_log`` raises.
    """
    while not _published(events(), total, rate, console):
        console.say("Kafka has moved; going on at its new address.")


def in_parts(items: Iterable[Item], length: int = IDS_AT_A_TIME) -> Iterator[list[Item]]:
    """Give ``items`` in lists of ``length``, the last one shorter."""
    iterator = iter(items)
    while part := list(islice(iterator, length)):
        yield part


def _published(events: Iterable[Event], total: int, rate: float | None, console: Console) -> bool:
    """Do it at one place; False if Kafka left it meanwhile."""
    place = wait_for_log(console.stop)
    if place is None:
        raise Interrupted
    publisher = BulkPublisher(place[0], place[1], console=console, rate=rate)
    progress = Progress(console, "Published", total, unit="event")
    try:
        for part in in_parts(events):
            _publish_missing(publisher, part, progress)
        publisher.wait_until_concluded(PATIENCE_S)
    except KafkaMoved:
        return False
    finally:
        publisher.close()
    return True


def _publish_missing(publisher: BulkPublisher, part: list[Event], progress: Progress) -> None:
    known = conclusions_of([event.transaction_id for event in part])
    for event in part:
        if event.transaction_id not in known:
            publisher.publish(event)
        progress.advance()
