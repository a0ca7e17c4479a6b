"""For how long Kafka has been silent, by what librdkafka tells of itself."""

import json

import pytest

from streaming.kafka.statistics import silence_s

S = 1_000_000


def told(brokers: dict[int, int], leaders: dict[int, int]) -> str:
    """Write statistics of brokers with their silence, which lead partitions."""
    learned = {
        f"kafka:{9092 + node}/{node}": {"nodeid": node, "source": "learned", "rxidle": idle}
        for node, idle in brokers.items()
    }
    # The coordinator is one of them, on a connection of its own.
    role = {"GroupCoordinator": {"nodeid": 1, "source": "logical", "rxidle": 99 * S}}
    partitions = {str(number): {"leader": leader} for number, leader in leaders.items()}
    topics = {"submissions": {"partitions": partitions}}
    return json.dumps({"name": "bankportal", "brokers": learned | role, "topics": topics})


@pytest.mark.parametrize(
    ("partitions", "silence"),
    [({0}, 1.0), ({0, 1}, 4.0), ({1}, 4.0), (set(), 0.5), ({2}, None), ({3}, None), ({4}, None)],
    ids=["one", "the longest", "another", "any", "not connected", "no leader", "not told of"],
)
def test_it_is_that_of_the_quietest_leader(partitions, silence):
    text = told({1: 1 * S, 2: 4 * S, 3: -1, 4: S // 2}, {0: 1, 1: 2, 2: 3, 3: -1})

    assert silence_s(text, "submissions", partitions) == silence


def test_of_a_topic_that_is_not_told_of_nothing_is_known():
    assert silence_s(told({1: S}, {0: 1}), "others", {0}) is None
    assert silence_s(told({}, {}), "submissions", set()) is None
