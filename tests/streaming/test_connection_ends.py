"""A connection ends with its last use, threads and all, without the garbage collector.

The consumer collects rarely, and asks ten times a second while Kafka or its topic is away: it
came to 1,024 clients, and the next one could not be made.
"""

import contextlib
import gc
from pathlib import Path

import pytest

from streaming.endpoint import Endpoint
from streaming.kafka.admin import KafkaUnusable, describe_log
from tests.processes import wait_until

THREADS = Path("/proc/self/task")
NOBODY = Endpoint("external", "127.0.0.1:1")


def threads() -> int:
    return len(list(THREADS.iterdir()))


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.skipif(not THREADS.is_dir(), reason="counts threads as Linux does")
@pytest.mark.parametrize("topic_is", ["there", "missing", "unreachable"])
def test_asking_again_and_again_leaves_no_thread(kafka, topic, without_collector, topic_is) -> None:
    endpoint = NOBODY if topic_is == "unreachable" else kafka
    name = topic if topic_is == "there" else "no-such-topic"
    before = threads()

    for _ in range(8):
        with contextlib.suppress(KafkaUnusable):
            describe_log(endpoint, name, timeout=0.5 if endpoint is NOBODY else 5)

    wait_until(lambda: threads() <= before + 4, "the threads have ended", 10)
