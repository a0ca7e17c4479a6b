"""A bank that is backed up, rebuilt and restored: shortcuts for the tests about that."""

import hashlib
import re
import sqlite3
import subprocess
from pathlib import Path

import psycopg

from accounts.events import encode
from accounts.ledger.tables import SCRATCH_SCHEMA, scratch_tables
from streaming.endpoint import Endpoint
from streaming.kafka.producer import Producer
from tests.builders import opened, submitted, withdrawn
from tests.databases import SERVER_URL, copy_database
from tests.processes import Portal, wait_until

CHAIN = (
    "SELECT log_id, partition, next_offset, link, transactions, posted, rejected, dead"
    " FROM accounts_logposition ORDER BY 1, 2"
)
ENTRIES = (
    'SELECT transaction_id, account, outcome, balance_minor, partition, "offset", link'
    ' FROM accounts_entry ORDER BY partition, "offset"'
)
BALANCES = "SELECT account, balance_minor, posted_count FROM accounts_balance ORDER BY account"

SUBMIT = """
from accounts.identifiers import new_transaction_id
from accounts.models import Account, Agent, Branch, Kind
from accounts.services.submissions import submit_transaction
branch, _ = Branch.objects.get_or_create(code="lyon", name="Lyon")
Account.objects.get_or_create(number="C100", defaults={{"branch": branch}})
teller, _ = Agent.objects.get_or_create(
    username="teller", defaults={{"role": "teller", "branch": branch}}
)
for amount_minor in {amounts}:
    submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100", kind=Kind.DEPOSIT, amount_minor=amount_minor, by=teller,
    )
"""

_SCRATCH_TABLES = (
    f"SELECT tablename FROM pg_tables WHERE schemaname = '{SCRATCH_SCHEMA}'"
    if SERVER_URL
    else "SELECT name FROM sqlite_master WHERE name LIKE 'scratch%'"
)


class Bank(Portal):
    """A portal whose ledger can be told from another by its chain."""

    def publish(self, *messages: tuple[bytes | None, bytes | None]) -> None:
        """Publish as another system would."""
        endpoint = Endpoint("external", self.environment["KAFKA_BOOTSTRAP_SERVERS"])
        producer = Producer(endpoint)
        for key, value in messages:
            producer.publish(self.topic, key, value, lambda _result: None)
        assert producer.flush(30) == 0
        producer.close()

    def publish_something(self, count: int = 300) -> None:
        """Publish ``count`` messages of every fate on a few accounts."""
        numbers = [f"C{n}" for n in range(5)]
        events = [opened(account=number, opening_balance_minor=1_000) for number in numbers]
        events += [
            (withdrawn if n % 3 == 0 else submitted)(n, account=numbers[n % 5])
            for n in range(1, count - 6)
        ]
        self.publish(*map(encode, events), (b"C1", b"poison"), encode(events[-1]))

    def stop(self, command: str) -> None:
        """Ask the started ``command`` to end, and wait for that."""
        for process in [each for each in self._processes if command in each.args]:
            process.terminate()
            assert process.wait(30) == 0
            self._processes.remove(process)

    def post_all(self, count: int) -> None:
        """Run a consumer until the ledger has concluded ``count`` messages."""
        said = len(self.output_of("run_consumer"))
        self.start("run_consumer", "--member", "one")
        wait_until(lambda: "Posting from" in self.output_of("run_consumer")[said:], "it runs")
        self.wait_for(count)
        self.stop("run_consumer")

    def wait_for(self, count: int) -> None:
        total = "SELECT coalesce(sum(next_offset), 0) FROM accounts_logposition"
        wait_until(lambda: self.value(total) >= count, f"{count} messages are concluded")

    def submit(self, *amounts_minor: int) -> None:
        """Submit deposits as an agent does."""
        self.python(SUBMIT.format(amounts=list(amounts_minor)))

    def ledger(self) -> tuple:
        """Give what two equal ledgers have in common, whatever log ids they have."""
        chain = [row[1:] for row in self.query(CHAIN)]
        return chain, self.query(ENTRIES), self.query(BALANCES)

    def scratch_tables(self) -> list[str]:
        """Give the tables that a rebuild has left."""
        return [name for (name,) in self.query(_SCRATCH_TABLES)]

    def rebuilt(self) -> int:
        """Give how many messages a rebuild that is going on has concluded."""
        position = scratch_tables().sql("accounts_logposition")
        try:
            return self.value(f"SELECT sum(next_offset) FROM {position}") or 0
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            return 0

    def backup(self, *arguments: str) -> Path:
        """Make a backup and give its folder."""
        said = self.manage("backup", *arguments).stdout
        return Path(re.search(r"^Backup: (.+)$", said, re.MULTILINE)[1])

    def backups(self) -> list[Path]:
        """Give the folder of each backup that is whole."""
        return [each for each in (self.folder / "backups").iterdir() if each.is_dir()]

    def twin(self, folder: Path, source: Path) -> "Bank":
        """Give a portal of its own on the same topic, with a copy of the database in ``source``."""
        copy_database(source, folder)
        twin = Bank(folder, self.environment["KAFKA_BOOTSTRAP_SERVERS"])
        own = ("DATA_DIR", "DATABASE_URL", "KAFKA_CONSUMER_GROUP")
        twin.environment = self.environment | {name: twin.environment[name] for name in own}
        twin.topic = self.topic
        return twin


def called(command: str, process: subprocess.Popen[bytes]) -> str:
    """Give what others are told of a process of ours that is in their way."""
    if SERVER_URL:
        return f"bankportal manage.py {command} {process.pid} (session "
    return f"manage.py {command} (process {process.pid})"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
