"""The log that the ledger follows, as verification reads it."""

from collections.abc import Iterator
from contextlib import contextmanager

from accounts.ledger.identity import identity_of
from accounts.ledger.messages import Delivered
from accounts.models import Log
from accounts.verification import LogUnreadable, Messages
from streaming.endpoint import Endpoint
from streaming.kafka.admin import describe_log
from streaming.kafka.log_reader import LogReader
from streaming.kafka.reader import LogIncomplete, ReadFailed


class OtherLogThere(Exception):
    """Kafka has another log in the place of the ledger's."""


@contextmanager
def messages_of(log: Log, endpoint: Endpoint) -> Iterator[Messages]:
    """Give what reads the messages of ``log``, which is at ``endpoint``.

    Raises ``OtherLogThere`` where another one is, and ``KafkaUnusable`` now or while reading.
    """
    found = describe_log(endpoint, log.topic)
    known = identity_of(log)
    compared = (
        ("cluster", found.cluster_id, known.cluster_id),
        ("topic id", found.topic_id, known.topic_id),
        ("partitions", found.partition_count, known.partition_count),
    )
    differing = [f"{name} {there}, not {own}" for name, there, own in compared if there != own]
    if differing:
        raise OtherLogThere(
            f"Kafka has another log than the one that the ledger follows: {', '.join(differing)}"
        )
    with LogReader(endpoint, log.topic) as reader:

        def messages(partition: int, start: int, end: int) -> Iterator[Delivered]:
            try:
                yield from reader.messages(partition, start, end)
            except (LogIncomplete, ReadFailed) as reason:
                raise LogUnreadable(str(reason)) from reason

        yield messages
