"""librdkafka's mock broker, for memory mode: it forgets everything when its process ends."""

from confluent_kafka import Producer

MOCK_BROKERS = 1


class MemoryBroker:
    """A mock broker inside this process, reachable from others for as long as this lives."""

    def __init__(self) -> None:
        # The client that asks for the mock is what keeps it alive.
        self._keeper = Producer({"test.mock.num.brokers": MOCK_BROKERS, "log_level": 0})
        brokers = self._keeper.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
