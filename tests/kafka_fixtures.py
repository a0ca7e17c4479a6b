"""A real Kafka for the tests: one for all the processes of a run, topics of a test's own."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from streaming.embedded import EXIT_JARS_NOT_AVAILABLE
from streaming.endpoint import Endpoint, running_endpoint
from streaming.kafka.admin import KafkaUnusable, create_topic, delete_topic
from tests.kafka_classes import with_classes

ROOT = Path(__file__).resolve().parent.parent
# The first run of all downloads Kafka.
PATIENCE_S = 150.0

NewTopic = Callable[..., str]


class BrokerRun:
    """``manage.py run_broker`` on a folder, as its user has it.

    ``before`` is a command that runs it, such as one that takes the network away.
    """

    def __init__(
        self, data_dir: Path, *words: str, before: Sequence[str] = (), **environment: str
    ) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self.output = data_dir / "run_broker.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*before, sys.executable, "manage.py", "run_broker", *words],
                cwd=ROOT,
                env=broker_environment(data_dir) | with_classes() | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def ready(self) -> Endpoint:
        """Wait until it serves, and give where."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            endpoint = running_endpoint(self.data_dir)
            if endpoint and endpoint.pid == self.process.pid:
                return endpoint
            if self.process.poll() is not None:
                give_up_on_kafka(self.process.returncode, self.said())
            time.sleep(0.02)
        raise AssertionError(f"The broker was not ready in {PATIENCE_S} s: {self.said()}")

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def stop(self) -> int:
        """Ask it to end, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(60)


def broker_environment(data_dir: Path) -> dict[str, str]:
    """Give the environment for a process that has a Kafka of its own at ``data_dir``."""
    foreign = ("KAFKA_", "PYTEST_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # The cache that our settings found, also where it is not the usual one.
    cache = settings.KAFKA_CACHE_DIR.parent
    return kept | {"DATA_DIR": str(data_dir), "XDG_CACHE_HOME": str(cache)}


def give_up_on_kafka(exit_code: int, said: str) -> None:
    """Skip aloud where Kafka cannot be had; fail in CI, and for any other reason."""
    if exit_code == EXIT_JARS_NOT_AVAILABLE and not os.environ.get("CI"):
        pytest.skip(f"Kafka cannot be had here: {said}")
    pytest.fail(f"The broker ended with exit code {exit_code}: {said}")


@pytest.fixture(scope="session")
def kafka_folder(run_folder: Path) -> Path:
    """Give the folder of the shared broker; ``data`` in it is its ``DATA_DIR``."""
    folder = run_folder / "kafka"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def kafka(kafka_folder: Path) -> Iterator[Endpoint]:
    """Give the one real broker that all the processes of this run share.

    Whoever needs it first starts it; it ends with the last of them. A test that stops
    or kills brokers starts its own with ``start_broker``.
    """
    with (kafka_folder / "users.lock").open("wb") as users:
        # Waits for a keeper that is just ending the broker for want of users.
        fcntl.flock(users, fcntl.LOCK_SH)
        with (kafka_folder / "start.lock").open("wb") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            endpoint = _shared_broker(kafka_folder)
        yield endpoint


@pytest.fixture
def new_topic(kafka: Endpoint) -> Iterator[NewTopic]:
    """Give a function that makes a topic of a new name on the shared broker.

    ``new_topic(partition_count=3)`` gives its name. Topics go when the test is over.
    """
    made = []

    def make(*, partition_count: int = 3, **topic_settings: str) -> str:
        name = f"test-{uuid4().hex[:12]}"
        chosen = {key.replace("_", "."): value for key, value in topic_settings.items()}
        create_topic(kafka, name, partition_count=partition_count, topic_settings=chosen or None)
        made.append(name)
        return name

    yield make
    for name in made:
        with contextlib.suppress(KafkaUnusable):
            delete_topic(kafka, name)


@pytest.fixture
def topic(new_topic: NewTopic) -> str:
    """Give the name of a fresh topic of 3 partitions that keeps everything."""
    return new_topic()


@pytest.fixture
def start_broker(kafka: Endpoint) -> Iterator[Callable[..., BrokerRun]]:
    """Give a function that starts a broker of the test's own: ``(data_dir, *words, **env)``.

    It needs the shared one first, which has fetched the jars, or skipped the test.
    """
    runs: list[BrokerRun] = []

    def start(data_dir: Path, *words: str, **environment: str) -> BrokerRun:
        runs.append(BrokerRun(data_dir, *words, **environment))
        return runs[-1]

    yield start
    with contextlib.ExitStack() as ended:
        for run in runs:
            ended.callback(run.kill)
            if run.process.poll() is None:
                ended.callback(run.stop)


def _shared_broker(folder: Path) -> Endpoint:
    """Give the shared broker, started if there is none. Its caller holds the lock."""
    data_dir, ended = folder / "data", folder / "ended.txt"
    if running_endpoint(data_dir) is None and not _was_in_vain(ended):
        ended.unlink(missing_ok=True)
        data_dir.mkdir(exist_ok=True)
        _start_keeper(folder, data_dir)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if endpoint := running_endpoint(data_dir):
            return endpoint
        if ended.exists():
            give_up_on_kafka(int(ended.read_text()), (folder / "broker.txt").read_text())
        time.sleep(0.02)
    raise AssertionError(f"The shared broker was not ready in {PATIENCE_S} s.")


def _was_in_vain(ended: Path) -> bool:
    """Say whether another process of this run has found that Kafka cannot be had."""
    return ended.exists() and ended.read_text() == str(EXIT_JARS_NOT_AVAILABLE)


def _start_keeper(folder: Path, data_dir: Path) -> None:
    # By way of a shell that ends at once: the keeper outlives the process that needed
    # Kafka first, and is nobody's child here.
    words = [sys.executable, "-m", "tests.kafka_keeper", str(folder)]
    subprocess.run(
        ["/bin/sh", "-c", '"$@" >/dev/null 2>&1 </dev/null &', "sh", *words],
        cwd=ROOT,
        env=broker_environment(data_dir),
        start_new_session=True,
        check=True,
    )
