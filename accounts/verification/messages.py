"""Where the messages of the log come from: Kafka, or an archive of it."""

from collections.abc import Callable, Iterator

from accounts.ledger.messages import Delivered

# Gives the messages of a partition from the first offset to before the second, in order.
# Several partitions are drawn from in turn. Raises ``LogUnreadable``.
Messages = Callable[[int, int, int], Iterator[Delivered]]


class LogUnreadable(Exception):
    """The log lacks messages that the ledger has concluded, or cannot give them."""
