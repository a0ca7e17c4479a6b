"""A message as the log delivered it, and the hashes that tie it to the ledger."""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

NO_LINK: Final = bytes(32)

_LENGTH = struct.Struct(">i")
_PLACE = struct.Struct(">iq")
# Outcome, and whether a balance follows.
_WITHOUT_BALANCE = struct.Struct(">B?")
_WITH_BALANCE = struct.Struct(">B?q")


Headers = tuple[tuple[str, bytes | None], ...]


# Made for each row, as those of ``conclusions`` are; and they form no cycles, so that nobody need
# look for any among thousands of them.
class Delivered(msgspec.Struct, frozen=True, gc=False):
    """One message of the log; ``logged_at_ms`` is the broker's append time."""

    partition: int
    offset: int
    logged_at_ms: int
    key: bytes | None
    value: bytes | None
    leader_epoch: int = -1
    # They decide nothing, and only some of those who read a log ask for them.
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """What makes a log this log and no other (law 7)."""

    cluster_id: str
    topic: str
    topic_id: str
    partition_count: int
    is_memory: bool = False

    def fingerprint(self) -> bytes:
        """Give the 32 bytes that stand for the identity in every link of the chain."""
        parts = (self.cluster_id, self.topic, self.topic_id, str(self.partition_count))
        return hashlib.sha256("\0".join(parts).encode()).digest()


def digest_of(key: bytes | None, value: bytes | None) -> bytes:
    """Give the SHA-256 of key and value, which tells a repeat from an id used again."""
    length = _LENGTH.pack(-1 if key is None else len(key))
    tombstone = b"\x00" if value is None else b"\x01"
    return hashlib.sha256(length + (key or b"") + tombstone + (value or b"")).digest()


def first_links(previous: Mapping[int, bytes], partition_count: int) -> list[bytes]:
    """Give for each partition of a log that is adopted the link that its chain goes on from.

    ``previous`` are the last links of the log before it, by partition. With as many partitions
    each goes on from its own. With other ones accounts are on other partitions too, and each
    chain goes on from all: SHA-256 over the previous links in the order of their partitions.
    """
    links = [link for _, link in sorted(previous.items())]
    if len(links) == partition_count:
        return links
    return [hashlib.sha256(b"".join(links)).digest()] * partition_count


def link_of(  # noqa: PLR0913, PLR0917 a link is made of just these, and called for each row
    previous: bytes,
    fingerprint: bytes,
    partition: int,
    offset: int,
    digest: bytes,
    outcome: int,
    reason: str,
    balance_minor: int | None,
) -> bytes:
    """Give the next link of a partition's chain (law 6).

    SHA-256 over the previous link, the log's fingerprint, partition (4 bytes, big-endian) and
    offset (8), the digest, the outcome (1), the balance (8, or nothing where there is none)
    behind a byte that says whether it follows, and the reason's code.
    """
    end = (
        _WITHOUT_BALANCE.pack(outcome, False)
        if balance_minor is None
        else _WITH_BALANCE.pack(outcome, True, balance_minor)
    )
    place = _PLACE.pack(partition, offset)
    return hashlib.sha256(previous + fingerprint + place + digest + end + reason.encode()).digest()
