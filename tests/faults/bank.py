"""A whole bank under test: its processes on a real Kafka, a teller, dashboards, other systems."""

import json
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from uuid import UUID

import psutil

from accounts.events import Event, encode
from streaming.endpoint import Endpoint, running_endpoint
from streaming.kafka.admin import create_topic, end_offsets
from streaming.kafka.producer import Acknowledged, Producer
from tests.builders import opened
from tests.databases import copy_database
from tests.faults.dashboard import Dashboard
from tests.faults.teller import Teller
from tests.forked import Forked
from tests.processes import Portal, wait_until

SECRET_KEY = "what signs the sessions of banks under test, and nothing else at all"
SIGN_INS = "sign-ins.json"
# The broker may be away for a while.
_PUBLISHING_S = 150.0
ACCOUNTS = tuple(f"C{number}" for number in range(100, 112))

# Sessions outlive any clock that a test turns.
_SETUP = f"""
import json, time
from pathlib import Path
from django.contrib.sessions.backends.db import SessionStore
from accounts.selectors.sessions import ACTIVE, BEGAN
from tests.live import agent, filed, sign_in
keys = {{}}
agents = (
    ("teller", "teller", "lyon"),
    ("supervisor", "supervisor", "lyon"),
    ("auditor", "auditor", ""),
    ("inspector", "auditor", ""),
)
for name, role, branch in agents:
    keys[name] = sign_in(agent(name, role, branch))
    session = SessionStore(keys[name])
    session.set_expiry(30 * 24 * 60 * 60)
    session[BEGAN] = session[ACTIVE] = time.time() + 3 * 24 * 60 * 60
    session.save()
for number in {ACCOUNTS}:
    filed(number, "lyon")
Path({SIGN_INS!r}).write_text(json.dumps(keys))
"""

Message = tuple[bytes | None, bytes | None]


def build_template(folder: Path, empty: Path) -> None:
    """Make a database with agents who are signed in and filed accounts, to be copied.

    ``empty`` is the folder of a database which has its tables and nothing else.
    """
    copy_database(empty, folder)
    portal = Portal(folder, "", SECRET_KEY=SECRET_KEY)
    portal.python(_SETUP.replace(repr(SIGN_INS), repr(str(folder / SIGN_INS))))


class Bank(Portal):
    """A copy of the template, on topics of its own.

    Without ``bootstrap_servers`` its Kafka is one that the test starts in its folder. With a
    ``DATABASE_URL`` in ``environment`` its database is there, and has been copied already.
    """

    def __init__(
        self, folder: Path, template: Path, bootstrap_servers: str = "", **environment: str
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if "DATABASE_URL" not in environment:
            copy_database(template, folder)
        super().__init__(folder, bootstrap_servers, SECRET_KEY=SECRET_KEY, **environment)
        self.sign_ins: dict[str, str] = json.loads((template / SIGN_INS).read_text())
        self.teller = Teller(lambda: self.url, self.sign_ins["teller"])
        self.dashboards: list[Dashboard] = []
        self._producer: Producer | None = None
        self._making_producer = Lock()

    @property
    def endpoint(self) -> Endpoint:
        """Where its Kafka is now."""
        servers = self.environment["KAFKA_BOOTSTRAP_SERVERS"]
        if servers:
            return Endpoint("external", servers)
        return wait_until(lambda: running_endpoint(self.folder), "the broker runs")

    def start_broker(self, *words: str) -> Forked:
        """Start a Kafka of its own in its folder, and wait until it serves."""
        process = self.start("run_broker", *words)
        wait_until(lambda: self._broker_of(process), "the broker runs")
        return process

    def create_topics(self) -> None:
        """Make the topics, as the command of that name does."""
        partition_count = int(self.environment["KAFKA_PARTITIONS"])
        for topic in (self.topic, f"{self.topic}.dead"):
            create_topic(self.endpoint, topic, partition_count=partition_count)

    def open_doors(self) -> "Bank":
        """Start the web server, and a dashboard that watches from here on."""
        self.serve()
        self.watch().watches()
        return self

    def watch(self, name: str = "auditor", at: Portal | None = None) -> Dashboard:
        """Open one more dashboard, of the web server on the machine ``at``."""
        machine = at or self
        self.dashboards.append(Dashboard(lambda: machine.url, self.sign_ins[name]))
        return self.dashboards[-1]

    def beside(self, folder: Path, **other: str) -> Portal:
        """Give another machine of this bank: the same database and topics, files of its own."""
        folder.mkdir()
        return Portal(folder, "", **self.environment | {"DATA_DIR": str(folder)} | other)

    def consume(self, *words: str) -> Forked:
        """Start a consumer."""
        return self.start("run_consumer", *words)

    def relay(self) -> Forked:
        """Start the relay."""
        return self.start("run_relay")

    def start_faulty(self, fault: dict, *words: str) -> Forked:
        """Start a command with ``fault`` in it; see ``tests.faults.faulty``."""
        return self.fork(words[0], "-m", "tests.faults.faulty", json.dumps(fault), *words)

    def serve_faulty(self, fault: dict) -> str:
        """Start a web server with ``fault`` in it."""
        return self.serve("-m", "tests.faults.faulty", json.dumps(fault), "daphne")

    def was_struck(self, name: str) -> bool:
        """Say whether a faulty process of that command has been struck where it was to be."""
        return "Struck: " in self.output_of(name)

    def publish(self, *events: Event) -> list[tuple[int, int]]:
        """Publish as another system would, and wait for the broker."""
        return self.publish_messages(*map(encode, events))

    def publish_messages(self, *messages: Message) -> list[tuple[int, int]]:
        """Publish any bytes, and wait for the broker; give partition and offset, in that order."""
        # Several threads may be the first: one that another replaced would take messages with it.
        with self._making_producer:
            producer = self._producer = self._producer or Producer(self.endpoint)
        places: dict[int, Acknowledged] = {}
        for number, (key, value) in enumerate(messages):
            noted = partial(places.__setitem__, number)
            producer.publish(self.topic, key, value, noted)
        deadline = time.monotonic() + _PUBLISHING_S
        while len(places) < len(messages):
            assert time.monotonic() < deadline, "The broker takes no message."
            producer.poll(0.05)
        found = (places[number] for number in range(len(messages)))
        return [(each.partition, each.offset) for each in found]

    def open_accounts(self, *numbers: str, **changes: object) -> None:
        """Publish the openings of accounts, C100 unless told."""
        self.publish(*(opened(account=each, **changes) for each in numbers or ("C100",)))

    def entries(self) -> int:
        """How many messages have been concluded as events."""
        return self.value("SELECT count(*) FROM accounts_entry")

    def next_offsets(self) -> dict[int, int]:
        """Where the ledger stands in each partition of its current log."""
        return dict(
            self.query(
                "SELECT partition, next_offset FROM accounts_logposition WHERE log_id = "
                "(SELECT id FROM accounts_log WHERE is_current)"
            )
        )

    def chain(self) -> dict[int, bytes]:
        """The last link of each partition of the current log."""
        return dict(
            self.query(
                "SELECT partition, link FROM accounts_logposition WHERE log_id = "
                "(SELECT id FROM accounts_log WHERE is_current)"
            )
        )

    def settles(self, patience_s: float = 60.0) -> None:
        """Wait until each submission has an outcome and the ledger has read all of the log."""

        without = (
            "SELECT count(*) FROM accounts_submission s WHERE NOT EXISTS "
            "(SELECT 1 FROM accounts_entry e WHERE e.transaction_id = s.transaction_id)"
        )
        wait_until(lambda: self.value(without) == 0, "each submission has an outcome", patience_s)
        wait_until(self.has_concluded_all, "all of the log is concluded", patience_s)

    def log_ends(self) -> dict[int, int]:
        """Where the log ends."""
        return end_offsets(self.endpoint, self.topic)

    def has_concluded_all(self) -> bool:
        """Say whether the ledger has read all of the log."""
        return self.next_offsets() == self.log_ends()

    def outcome_of(self, transaction_id: UUID) -> tuple[int, str] | None:
        """The outcome and reason of an entry, or None where there is none."""
        rows = self.query(
            "SELECT outcome, reason FROM accounts_entry WHERE transaction_id = ?",
            [transaction_id.bytes],
        )
        return rows[0] if rows else None

    def _broker_of(self, process: Forked) -> bool:
        assert process.poll() is None, self.output_of("run_broker")
        endpoint = running_endpoint(self.folder)
        return endpoint is not None and endpoint.pid == process.pid

    def close(self) -> None:
        for dashboard in self.dashboards:
            dashboard.close()
        super().close()


def stop(process: Forked, patience_s: float = 30.0) -> None:
    """Ask a process to end, which it does with exit code 0."""
    process.terminate()
    assert process.wait(patience_s) == 0


def java_of(broker: Forked) -> psutil.Process | None:
    """Give the Kafka itself behind ``run_broker``; None where that has none yet, or any more."""
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(broker.pid).children(recursive=True)
        return next((each for each in family if "java" in each.name()), None)
    return None
