"""What librdkafka tells of itself once a second, of which one thing is asked.

Neither an error nor the lack of messages says whether a consumer hears anything: an idle log gives
none, a broker that is frozen keeps its connections, and of one that is back nothing is told. Its
statistics do (STATISTICS.md of librdkafka): each fetch is answered, with nothing if need be.
"""

from collections.abc import Collection
from typing import Final

import msgspec

EVERY_MS: Final = 1_000
# Brokers that the cluster named; others are addresses to begin with, or roles of these.
_LEARNED: Final = "learned"


class _Broker(msgspec.Struct):
    nodeid: int
    source: str
    # Microseconds since it was heard on this connection, -1 where it was not.
    rxidle: int = -1


class _Partition(msgspec.Struct):
    leader: int


class _Topic(msgspec.Struct):
    partitions: dict[str, _Partition]


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker]
    topics: dict[str, _Topic]


_decoder: Final = msgspec.json.Decoder(_Statistics)


def silence_s(statistics: str, topic: str, partitions: Collection[int]) -> float | None:
    """Give the seconds for which the quietest leader of ``partitions`` has answered nothing.

    Without partitions, those of the broker that was heard last. None where that is not known: there
    is no leader, or no connection to one.
    """
    told = _decoder.decode(statistics)
    heard = {
        each.nodeid: each.rxidle / 1e6
        for each in told.brokers.values()
        if each.source == _LEARNED and each.rxidle >= 0
    }
    if not partitions:
        return min(heard.values(), default=None)
    known = told.topics[topic].partitions if topic in told.topics else {}
    leaders = {known[str(each)].leader if str(each) in known else None for each in partitions}
    if not leaders <= heard.keys():
        return None
    return max(heard[leader] for leader in leaders if leader is not None)
