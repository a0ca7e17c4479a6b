"""Where the messages of the ledger's logs are to be had again: from archives, then from Kafka."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from accounts.ledger.identity import identity_of
from accounts.ledger.messages import Delivered
from accounts.models import Log
from streaming.archive import Archive, ArchivedLog, Part
from streaming.endpoint import Endpoint, current_endpoint
from streaming.kafka.admin import KafkaUnusable, describe_log, end_offsets
from streaming.kafka.log_reader import read_log
from streaming.log_guard import identity_seen

Ranges = dict[int, tuple[int, int]]


class MessagesMissing(Exception):
    """A part of a log is in no archive that was given, nor in Kafka; the text says the way on."""


class Sources:
    """The archives that were named, and the Kafka of now."""

    def __init__(self, archives: Sequence[Path] = ()) -> None:
        self._headers = []
        for path in archives:
            with Archive(path) as archive:
                self._headers.append((path, archive.header))

    @property
    def archived_logs(self) -> list[ArchivedLog]:
        """Each log that an archive is of, in the order in which the ledger followed them."""
        # The same log may have been adopted twice.
        logs = {(each.log.identity, each.log.adopted_at_ms): each.log for _, each in self._headers}
        return sorted(logs.values(), key=lambda log: log.number)

    def archived_ends(self, log: Log) -> dict[int, int]:
        """Give how far the archives have each partition of a log that they hold something of."""
        ends: dict[int, int] = {}
        for _, parts in self._archives_of(log):
            for part in parts:
                ends[part.partition] = max(part.end, ends.get(part.partition, 0))
        return ends

    def ends(self, log: Log) -> dict[int, int]:
        """Give how far each partition of the last log can be read, from archives and Kafka."""
        ends = self.archived_ends(log)
        try:
            in_kafka = end_offsets(_kafka_with(log), log.topic)
        except (MessagesMissing, KafkaUnusable):
            return ends
        return {number: max(end, ends.get(number, 0)) for number, end in in_kafka.items()}

    def messages(self, log: Log, ranges: Ranges, *, is_last: bool) -> Iterator[Delivered]:
        """Give the messages of ``ranges``, those of a partition by offset.

        Kafka is asked for what no archive holds of the last log only: what it has under the
        name of an earlier one may have been cut and grown again. Raises ``MessagesMissing``,
        ``ArchiveUnusable`` and what reading Kafka raises.
        """
        at = {number: start for number, (start, _end) in ranges.items()}
        for path, parts in self._archives_of(log):
            usable = {part.partition: part.end for part in parts if _goes_on(part, at, ranges)}
            if not usable:
                continue
            with Archive(path) as archive:
                for each in archive.messages():
                    number = each.partition
                    if number in usable and at[number] <= each.offset < ranges[number][1]:
                        yield each
            at |= usable
        rest = {n: (at[n], end) for n, (_start, end) in ranges.items() if at[n] < end}
        if rest and is_last:
            yield from from_kafka(log, rest)
        elif rest:
            raise _missing(log, rest, "the ledger has followed another log since.")

    def _archives_of(self, log: Log) -> list[tuple[Path, list[Part]]]:
        found = [(path, each.parts) for path, each in self._headers if each.log.describes(log)]
        return sorted(found, key=lambda each: sum(part.first for part in each[1]))


def _goes_on(part: Part, at: dict[int, int], ranges: Ranges) -> bool:
    """Say whether ``part`` goes on from where we are, with something that is wanted."""
    number = part.partition
    if number not in ranges:
        return False
    return part.first <= at[number] < min(part.end, ranges[number][1])


def from_kafka(log: Log, ranges: Ranges) -> Iterator[Delivered]:
    """Give the messages of ``ranges`` from Kafka; raises ``MessagesMissing`` at once."""
    try:
        endpoint = _kafka_with(log)
    except MessagesMissing as reason:
        raise _missing(log, ranges, str(reason)) from reason
    return read_log(endpoint, log.topic, ranges)


def _missing(log: Log, ranges: Ranges, why: str) -> MessagesMissing:
    number, (start, end) = next(iter(ranges.items()))
    return MessagesMissing(
        f"No archive was named that holds offsets {start} to {end - 1} of partition {number} of "
        f"log {log.pk} ({log}), and {why} Name a backup that holds them with --archive."
    )


def _kafka_with(log: Log) -> Endpoint:
    """Give the Kafka of now, or raise ``MessagesMissing`` where it does not hold ``log``."""
    endpoint = current_endpoint()
    if endpoint is None:
        raise MessagesMissing("no Kafka is running.")
    try:
        seen = identity_seen(endpoint, describe_log(endpoint, log.topic))
    except KafkaUnusable as reason:
        raise MessagesMissing(f"Kafka cannot give them: {reason}") from reason
    if seen != identity_of(log):
        raise MessagesMissing(f"the Kafka at {endpoint.bootstrap_servers} holds another log.")
    return endpoint
