"""Several of everything on one PostgreSQL, all of it killed, frozen and cut off at random."""

import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from accounts.ledger.sql import POSTING_LOCK
from streaming.embedded.ports import free_port
from streaming.endpoint import running_endpoint
from tests.builders import encode
from tests.databases import database_of, only_on
from tests.faults.bank import ACCOUNTS, Bank
from tests.faults.crew import Crew, Role
from tests.faults.invariants import Row, check_all
from tests.faults.load import Load
from tests.faults.seeds import Chances
from tests.faults.teller import Teller
from tests.faults.work import movements
from tests.postgresql_fixtures import PostgresqlServer
from tests.processes import Portal, wait_until

CONSUMERS = ("first consumer", "second consumer", "third consumer")
RELAYS = ("relay", "relay beside")
WEBS = ("web", "web beside")
PARTITIONS = 12

_LEASE = """
    SELECT split_part(application_name, ' ', 3) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'bankportal relay %'
"""
_IS_POSTING = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ?)"
_BEYOND = "SELECT id FROM accounts_entry WHERE id > %s ORDER BY id"
_BREATH_S = 0.002


@pytest.fixture
def bank(postgresql_server: PostgresqlServer, template: Path, new_bank) -> Bank:
    """Give a bank of twelve partitions, whose PostgreSQL and Kafka serve nobody else."""
    postgresql_server.fill_from(database_of(template).url)
    return new_bank(
        DATABASE_URL=postgresql_server.url,
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port(0)}",
        KAFKA_PARTITIONS=str(PARTITIONS),
    )


@pytest.fixture
def beside(bank: Bank, tmp_path) -> Iterator[Portal]:
    """Give a second machine of it."""
    machine = bank.beside(tmp_path / "beside")
    yield machine
    machine.close()


@pytest.fixture
def kafkas(bank: Bank, tmp_path) -> Iterator[Portal]:
    """Give the machine of its Kafka, which the others know by its address alone."""
    machine = bank.beside(tmp_path / "kafka", KAFKA_BOOTSTRAP_SERVERS="")
    yield machine
    machine.close()


@pytest.fixture
def crew(bank: Bank, beside: Portal, kafkas: Portal) -> Crew:
    """Give who works there: all have started, two dashboards watch, the accounts are open."""
    port = bank.endpoint.bootstrap_servers.rpartition(":")[2]
    consumers = {
        role: Role(bank, ("run_consumer", "--member", role.split()[0])) for role in CONSUMERS
    }
    relays = {
        role: Role(at, ("run_relay",)) for role, at in zip(RELAYS, (bank, beside), strict=True)
    }
    webs = {role: Role(at) for role, at in zip(WEBS, (bank, beside), strict=True)}
    broker = {"broker": Role(kafkas, ("run_broker", "--port", port))}
    crew = Crew(bank, broker | consumers | relays | webs)
    crew.start("broker")
    wait_until(lambda: running_endpoint(kafkas.folder), "the broker runs")
    bank.create_topics()
    crew.start()
    for at in (bank, beside):
        bank.watch(at=at).watches()
    bank.open_accounts(*ACCOUNTS, least_balance_minor=-1_000)
    wait_until(lambda: bank.entries() == len(ACCOUNTS), "the accounts are open")
    return crew


class Misfortune:
    """What is done to those who work, at random, and how often."""

    def __init__(self, crew: Crew, server: PostgresqlServer, load: Load, chances: Chances) -> None:
        self.happened: Counter[str] = Counter()
        self._crew = crew
        self._bank = crew.bank
        self._server = server
        self._load = load
        self._chances = chances
        self._spared = ""

    def strike_while_one_is_frozen(self) -> None:
        """Freeze a consumer with a batch; do all else until others have posted that; wake it."""
        self._do(self.publish_much_at_once)
        wake = self._freeze_with_a_batch()
        held = self._bank.log_ends()
        kinds = self._kinds()
        due = [*kinds, self.kill_the_broker, self.crash_postgresql]
        self._chances.shuffle(due)
        while due or not self._has_concluded(held):
            self._do(due.pop() if due else self._chances.choice(kinds))
        wake()
        refused = "SELECT sum(refused_batches) FROM accounts_logposition"
        wait_until(lambda: self._bank.value(refused) > 0, "its batch is refused")
        self._spared = ""
        self._do(self._chances.choice(kinds))

    def _has_concluded(self, ends: dict[int, int]) -> bool:
        found = self._bank.next_offsets()
        return all(found[partition] >= end for partition, end in ends.items())

    def _kinds(self) -> list[Callable[[], None]]:
        """Give what happens as often as it comes; what takes seconds to start is not among it."""
        return [
            self.kill_a_consumer,
            self.stop_a_consumer,
            self.kill_a_web_server,
            self.kill_the_relay,
            self.end_the_session_of_a_consumer,
            self.cut_all_connections,
            self.repeat_messages,
            self.publish_much_at_once,
        ]

    def _do(self, kind: Callable[[], None]) -> None:
        kind()
        self.happened[kind.__name__] += 1
        self._goes_on()
        self._crew.look()
        assert not self._load.failures, self._load.failures

    def kill_the_broker(self) -> None:
        """Kill Kafka itself, and start it again once agents were served without it."""
        self._crew.kill("broker")
        enough = len(self._bank.teller.acknowledged) + self._chances.randint(1, 20)
        wait_until(lambda: len(self._bank.teller.acknowledged) >= enough, "agents are served")
        self._crew.start("broker")

    def crash_postgresql(self) -> None:
        """Crash the server, and start it again once a consumer and an agent have met it."""
        said, refused = self._outages(), self._load.answers["503"]
        self._server.crash(self._chances.choice((signal.SIGQUIT, signal.SIGKILL)))
        wait_until(lambda: self._outages() > said, "a consumer has no database")
        wait_until(lambda: self._load.answers["503"] > refused, "an agent is asked to try again")
        self._server.start()

    def kill_a_consumer(self) -> None:
        role = self._consumer()
        self._crew.kill(role)
        self._goes_on()
        self._crew.start(role)

    def stop_a_consumer(self) -> None:
        role = self._consumer()
        self._crew.ask_to_stop(role)
        self._goes_on()
        self._crew.start(role)

    def kill_a_web_server(self) -> None:
        role = self._chances.choice(WEBS)
        self._crew.kill(role)
        self._goes_on()
        self._crew.start(role)

    def kill_the_relay(self) -> None:
        """Kill the one that publishes; the one that waits goes on."""
        pid = wait_until(self._holder, "one relay publishes")
        role = self._crew.role_of(pid)
        self._crew.kill(role)
        wait_until(lambda: self._holder() not in {0, pid}, "the other relay publishes")
        self._crew.start(role)

    def end_the_session_of_a_consumer(self) -> None:
        """End it where it posts, or waits for its turn to."""
        end = self._bank.database.end_sessions
        wait_until(lambda: end(_IS_POSTING, [POSTING_LOCK]), "one that posts is cut off")

    def cut_all_connections(self) -> None:
        """Cut them again and again, until a consumer has met it."""
        said = self._outages()

        def is_met() -> bool:
            self._bank.database.end_sessions()
            return self._outages() > said

        wait_until(is_met, "a consumer has no database")

    def repeat_messages(self) -> None:
        known = list(self._load.recent)
        again = self._chances.sample(known, min(len(known), 5))
        assert again
        self._load.also_publish(*map(encode, again))

    def publish_much_at_once(self) -> None:
        """Give all consumers large batches at the same time."""
        self._load.also_publish(*map(encode, movements(self._chances, 1_500, ACCOUNTS)))

    def _freeze_with_a_batch(self) -> Callable[[], None]:
        """Freeze a consumer that has begun no transaction; give what wakes it."""
        self._spared = self._chances.choice(CONSUMERS)
        fault = {"point": "consumer before BEGIN", "turn": self._chances.randint(1, 5)}
        self._crew.kill(self._spared)
        wake = self._crew.start_to_freeze(self._spared, fault | {"signal": "SIGSTOP"})
        wait_until(lambda: self._bank.was_struck("run_consumer"), "it is frozen with a batch")
        return wake

    def _consumer(self) -> str:
        return self._chances.choice([each for each in CONSUMERS if each != self._spared])

    def _holder(self) -> int:
        """Give the process that has the lease, or 0."""
        return int(next((pid for (pid,) in self._bank.query(_LEASE)), 0))

    def _outages(self) -> int:
        return self._bank.output_of("run_consumer").count("Waiting for the database.")

    def _goes_on(self) -> None:
        """Wait until some more is concluded."""
        enough = self._bank.entries() + self._chances.randint(1, 100)
        wait_until(lambda: self._bank.entries() >= enough, "posting goes on")


@contextmanager
def followed(bank: Bank) -> Iterator[list[int]]:
    """Follow the ledger by its ids, as each web server does four times a second, but more often."""
    seen = [0]
    is_over = Event()

    def follow() -> None:
        while not is_over.wait(_BREATH_S):
            # It is cut off like all others, and there may be no server for a while.
            with suppress(psycopg.OperationalError), psycopg.connect(bank.database.url) as session:
                session.autocommit = True
                while not is_over.wait(_BREATH_S):
                    seen.extend(each for (each,) in session.execute(_BEYOND, [seen[-1]]))

    thread = Thread(target=follow)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


@pytest.mark.long
@pytest.mark.timeout(300)
@only_on("postgresql", "the database of more than one machine")
@pytest.mark.fault("27")
def test_several_of_everything_on_one_postgresql_keep_one_set_of_books(
    crew: Crew, beside: Portal, postgresql_server: PostgresqlServer, chances: Chances
) -> None:
    """Guard: batches take turns, and offsets move by compare-and-set.

    Where two post at a time, whoever follows the ledger misses some; without the comparison
    nothing is refused.
    """
    bank = crew.bank
    at_the_other = Teller(lambda: beside.url, bank.sign_ins["supervisor"], bank.teller.acknowledged)
    load = Load(bank, chances, [bank.teller, at_the_other])
    misfortune = Misfortune(crew, postgresql_server, load, chances)

    load.start()
    with followed(bank) as seen:
        try:
            misfortune.strike_while_one_is_frozen()
        finally:
            load.stop()
        bank.settles()
        for role in (*CONSUMERS, *RELAYS):
            crew.ask_to_stop(role)
        ledger = check_all(bank)
        wait_until(lambda: seen[-1] == ledger[-1].id, "all of the ledger is seen")

    assert seen[1:] == [row.id for row in ledger]
    each_account_is_in_the_order_of_the_log(ledger)
    load.check_answers()
    assert bank.value("SELECT count(DISTINCT submitted_by_id) FROM accounts_submission") == 2
    assert bank.value("SELECT sum(repeats) FROM accounts_logposition") > 0


def each_account_is_in_the_order_of_the_log(ledger: Sequence[Row]) -> None:
    """Ids of the ledger and offsets of the log rise together, also from batch to batch."""
    places = defaultdict(list)
    for row in ledger:
        places[row.account].append((row.partition, row.offset))
    assert places.keys() == set(ACCOUNTS)
    for account, found in places.items():
        assert len({partition for partition, _offset in found}) == 1, account
        assert found == sorted(found), account
