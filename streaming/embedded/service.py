"""What ``run_broker`` does from its first moment to its last, in both modes."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from streaming.embedded.broker import EmbeddedBroker, Program, exclusive_use
from streaming.embedded.cache import JarCache, Say
from streaming.embedded.home import BrokerHome, new_cluster_id
from streaming.embedded.jars import ready_jars
from streaming.embedded.java import find_java
from streaming.embedded.lock import read_lock
from streaming.endpoint import Endpoint, Mode, remove_endpoint, write_endpoint
from streaming.kafka.admin import cluster_ready
from streaming.kafka.memory import MemoryBroker

SLOW_START_S = 15.0


@dataclass(frozen=True)
class Place:
    """Where a broker keeps its things, and the Java it was told to use, if any."""

    data_dir: Path
    cache: JarCache
    java_home: str = ""


def run_embedded(place: Place, port: int, say: Say) -> None:
    """Run a real broker until interrupted; its log stays. Never returns by itself.

    Raises ``BrokerRefused`` or ``BrokerStopped``. Any exception raised into it, such as
    by a signal, ends the broker in order first.
    """
    home = BrokerHome(place.data_dir)
    with exclusive_use(home) as lock_descriptor:
        remove_endpoint(home.endpoint)
        lock = read_lock()
        program = Program(find_java(place.java_home), ready_jars(place.cache, lock, say))
        broker = EmbeddedBroker(home, program, lock_descriptor)
        try:
            broker.start(port, _Readiness(say))
            endpoint = _endpoint("embedded", broker.address, broker.cluster_id)
            with _made_known(home.endpoint, endpoint):
                say(
                    f"Apache Kafka {lock.kafka_version} is ready at {broker.address}, "
                    f"cluster {broker.cluster_id}, its log in {home.log}."
                )
                broker.wait()
        finally:
            broker.stop()


def run_in_memory(place: Place, say: Say) -> None:
    """Run the mock broker until interrupted. Never returns by itself; forgets everything."""
    home = BrokerHome(place.data_dir)
    with exclusive_use(home):
        broker = MemoryBroker()
        endpoint = _endpoint("memory", broker.address, f"memory-{new_cluster_id()}")
        with _made_known(home.endpoint, endpoint):
            say(
                f"Memory mode: a stand-in for Kafka is ready at {broker.address}, "
                f"cluster {endpoint.cluster_id}. It forgets everything when it stops."
            )
            Event().wait()


class _Readiness:
    """Asks whether the broker serves, and says now and then that it does not yet."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._speak_at = time.monotonic() + SLOW_START_S

    def __call__(self, address: str) -> bool:
        if cluster_ready(Endpoint("embedded", address), timeout=1):
            return True
        if time.monotonic() >= self._speak_at:
            self._say("Kafka is still starting: after a kill it first checks its log.")
            self._speak_at += SLOW_START_S
        return False


@contextmanager
def _made_known(path: Path, endpoint: Endpoint) -> Iterator[None]:
    write_endpoint(path, endpoint)
    try:
        yield
    finally:
        remove_endpoint(path)


def _endpoint(mode: Mode, address: str, cluster_id: str) -> Endpoint:
    return Endpoint(
        mode=mode,
        bootstrap_servers=address,
        cluster_id=cluster_id,
        pid=os.getpid(),
        started_at_ms=time.time_ns() // 1_000_000,
    )
