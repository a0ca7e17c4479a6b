"""Several consumers of one group: joining, leaving, frozen and revived, on one database."""

import os
import random
import re
import signal
import sys

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from accounts.events import Event, encode
from streaming.kafka.producer import Producer
from tests.builders import opened, submitted, withdrawn
from tests.forked import Forked
from tests.processes import wait_until
from tests.streaming.test_relay import Bank

pytestmark = pytest.mark.timeout(600)

PARTITION_COUNT = 3
ACCOUNTS = [f"C{number}" for number in range(100, 109)]


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be had again: ``SEED`` in the environment, else a new one, printed."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"SEED={seed}\n")
    return random.Random(seed)


class Group(Bank):
    """A portal with several consumers, and what was published to it."""

    def __init__(self, *arguments, **environment) -> None:
        super().__init__(*arguments, **environment)
        self.published: list[Event] = []

    def publish(self, *events: Event) -> None:
        producer = Producer(self.endpoint)
        for event in events:
            producer.publish(self.topic, *encode(event), lambda _result: None)
        assert producer.flush(30) == 0
        self.published += events

    def publish_movements(self, chance: random.Random, count: int) -> None:
        """Pay in and out so that any other order would refuse something."""
        movements: list[Event] = []
        for _ in range(count):
            account, amount_minor = chance.choice(ACCOUNTS), chance.randrange(1, 1_000)
            movements.append(submitted(amount_minor, account=account))
            movements.append(withdrawn(amount_minor, account=account))
        self.publish(*movements)

    def takeovers(self) -> int:
        """How often a consumer was given all partitions."""
        return self.output_of("run_consumer").count("Reading partitions 0, 1, 2.")

    def is_settled(self, count: int) -> bool:
        """Say whether Kafka's group has so many members, who have all partitions between them."""
        name = self.environment["KAFKA_CONSUMER_GROUP"]
        admin = AdminClient({"bootstrap.servers": self.environment["KAFKA_BOOTSTRAP_SERVERS"]})
        found = admin.describe_consumer_groups([name])[name].result(10)
        shares = [each.assignment.topic_partitions for each in found.members]
        return (
            found.state == ConsumerGroupState.STABLE
            and len(shares) == count
            and sum(map(len, shares)) == PARTITION_COUNT
        )

    def entries(self) -> int:
        return self.value("SELECT count(*) FROM accounts_entry")

    def refused(self) -> int:
        return self.value("SELECT sum(refused_batches) FROM accounts_logposition")

    def assert_posted_once_and_in_order(self) -> None:
        wait_until(lambda: self.entries() >= len(self.published), "all is posted", 120)
        for account in {event.account for event in self.published}:
            wanted = [e.transaction_id.bytes for e in self.published if e.account == account]
            found = self.query(
                "SELECT transaction_id FROM accounts_entry WHERE account = ? ORDER BY id", [account]
            )
            assert [identifier for (identifier,) in found] == wanted
            assert self.balance(account) == 0
        assert self.entries() == len(self.published)
        assert self.rejected() == 0
        reached = self.value("SELECT sum(next_offset) FROM accounts_logposition")
        assert reached == len(self.published)


@pytest.fixture
def group(kafka, portal_on) -> Group:
    group = portal_on(kafka.bootstrap_servers, Group)
    group.create_topics()
    group.publish(*[opened(account=number) for number in ACCOUNTS])
    return group


def freeze_with_a_batch_in_hand(group: Group, consumer: Forked, chance: random.Random) -> None:
    """Stop a consumer that has read messages and begun no transaction with them.

    It finds the database locked, so it waits with its batch; whoever waits holds no lock.
    """
    with group.database.locked():
        group.publish_movements(chance, chance.randrange(5, 30))
        waits = "Waiting for the database"
        wait_until(lambda: waits in group.output_of("run_consumer"), "it waits with its batch")
        consumer.send_signal(signal.SIGSTOP)


def test_a_consumer_frozen_before_its_batch_is_refused_it_when_it_wakes(group, chance):
    """Red where ``move_position`` does not compare: nothing is refused."""
    zombie = group.start("run_consumer")
    wait_until(lambda: group.entries() == len(ACCOUNTS), "the accounts are open")
    freeze_with_a_batch_in_hand(group, zombie, chance)

    group.start("run_consumer")
    wait_until(lambda: group.takeovers() == 2, "the group has given its partitions to another")
    wait_until(lambda: group.entries() == len(group.published), "the other has posted the batch")
    assert group.refused() == 0
    zombie.send_signal(signal.SIGCONT)

    wait_until(lambda: group.refused() > 0, "the stale batch is refused and counted")
    group.publish_movements(chance, 20)
    group.assert_posted_once_and_in_order()
    assert zombie.poll() is None
    assert group.value("SELECT sum(repeats) FROM accounts_logposition") == 0
    assert group.status()["stale_batches_refused"] == group.refused()
    assert re.search(r"A stale batch was refused: Partition \d", group.output_of("run_consumer"))


class Members:
    """The consumers of a group, and what happened to them."""

    MOST = 3

    def __init__(self, group: Group, chance: random.Random) -> None:
        self._group = group
        self._chance = chance
        self.running: list[Forked] = []
        self.frozen: list[Forked] = []
        self.happened: dict[str, int] = dict.fromkeys(("join", "leave", "die", "freeze", "wake"), 0)

    def do(self, what: str) -> None:
        getattr(self, what)()
        self.happened[what] += 1

    def something(self) -> str:
        possible = ["join"] * (len(self.running) + len(self.frozen) < self.MOST)
        possible += ["leave", "die", "freeze"] if len(self.running) > 1 else []
        possible += ["wake"] * bool(self.frozen)
        return self._chance.choice(possible or ["join"])

    def join(self) -> None:
        before = self._assignments()
        self.running.append(self._group.start("run_consumer"))
        wait_until(lambda: self._assignments() > before, "the group has taken it in")

    def leave(self) -> None:
        leaving = self._taken(self.running)
        leaving.send_signal(signal.SIGTERM)
        assert leaving.wait(30) == 0

    def die(self) -> None:
        dying = self._taken(self.running)
        dying.kill()
        dying.wait(30)

    def freeze(self) -> None:
        # One that stands in the midst of joining would hold the others up for minutes.
        wait_until(lambda: self._group.is_settled(len(self.running)), "all have joined")
        before = self._assignments()
        frozen = self._taken(self.running)
        self._group.freeze(frozen)
        self.frozen.append(frozen)
        wait_until(lambda: self._assignments() > before, "the group has done without it")

    def wake(self) -> None:
        woken = self._taken(self.frozen)
        woken.send_signal(signal.SIGCONT)
        self.running.append(woken)

    def _taken(self, members: list[Forked]) -> Forked:
        return members.pop(self._chance.randrange(len(members)))

    def _assignments(self) -> int:
        return self._group.output_of("run_consumer").count("Reading partitions")


def test_consumers_that_join_leave_die_freeze_and_wake_keep_each_account_in_order(group, chance):
    """Red where a consumer goes on from its own position, not the database's: it never settles."""
    members = Members(group, chance)
    for what in ("join", "join", "join"):
        group.publish_movements(chance, chance.randrange(5, 40))
        members.do(what)
    planned = ["freeze", "wake", "leave", "join", *[""] * 4]

    for what in planned:
        group.publish_movements(chance, chance.randrange(5, 40))
        members.do(what or members.something())

    while members.frozen:
        members.do("wake")
    group.assert_posted_once_and_in_order()
    sys.stdout.write(f"{members.happened}, refused: {group.refused()}\n")
    assert members.happened["freeze"] >= 1
    assert members.happened["leave"] >= 1
    assert members.happened["join"] >= 4
