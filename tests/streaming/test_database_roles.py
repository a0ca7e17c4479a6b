"""The rights in PostgreSQL that deploy/postgresql/grants.sql gives to each process."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from streaming.endpoint import running_endpoint
from tests.databases import ask_server, only_on
from tests.processes import ROOT, Portal, wait_until

GRANTS = ROOT / "deploy" / "postgresql" / "grants.sql"
ROLES = ("bank_owner", "bank_web", "bank_relay", "bank_consumer")
PASSWORD = "correct-horse-battery"
FIRST_AGENTS = f"""
from accounts.models import Agent, Branch
branch = Branch.objects.create(code="lyon", name="Lyon")
for role in ("teller", "supervisor"):
    Agent.objects.create_user(role, password="{PASSWORD}", role=role, branch=branch)
"""
AT_THE_COUNTER = f"""
import re
from django.conf import settings
from django.test import Client
from accounts.models import Agent, Outbox
settings.STORAGES["staticfiles"] = {{
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}}
client = Client(headers={{"host": "localhost"}})

def send(address, **typed):
    status = client.post(address, typed).status_code
    assert status in {{200, 302}}, (address, status)

def form(address, **typed):
    page = client.get(address).content.decode()
    identifier = re.search(r'name="transaction_id" value="([^"]+)"', page)[1]
    send(address, transaction_id=identifier, **typed)

for _ in range(5):
    client.post("/auth/login/", {{"login": "teller", "password": "another one"}})
send("/auth/login/", login="supervisor", password="{PASSWORD}")
form("/accounts/new/", number="C100", holder="Camille", opening_balance="10", overdraft="")
form("/transactions/new/", account="C100", kind="deposit", amount="5")
new = {{"board": "", "version": "", "target": "new", "name": "Mine", "query": ""}}
send("/dashboards/save/", layout="live-12-low", **new)
for act in ("unlock", "password_given"):
    send(f"/team/{{Agent.objects.get(username='teller').pk}}/", act=act)
for address in ("/dashboard/", "/transactions/export.csv", "/admin/accounts/entry/"):
    assert client.get(address).status_code == 200, address
send("/auth/logout/")
assert Outbox.objects.count() == 2
"""

POSTED_AND_DONE = """
SELECT sum(balance_minor), (SELECT count(*) FROM accounts_outbox WHERE NOT is_done)
FROM accounts_balance
"""


class Roles:
    """A portal on PostgreSQL whose processes are given a role each."""

    def __init__(self, portal: Portal, urls: dict[str, str]) -> None:
        self.portal, self.urls = portal, urls

    def as_role(self, role: str) -> Portal:
        """Give the portal for what ``role`` starts next."""
        self.portal.environment["DATABASE_URL"] = self.urls[role]
        return self.portal

    def refuses(self, role: str, statement: str) -> bool:
        """Tell whether the database keeps ``role`` from ``statement``."""
        with psycopg.connect(self.urls[role]) as connection:
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                return True
            finally:
                connection.rollback()
        return False


@pytest.fixture
def roles(tmp_path: Path) -> Iterator[Roles]:
    portal = Portal(
        *(tmp_path, ""), KAFKA_TOPIC="submissions", KAFKA_DEAD_LETTER_TOPIC="submissions.dead"
    )
    address = portal.database.url
    urls = {role: address.replace("//postgres:", f"//{role}:") for role in ROLES}
    for role in ROLES:
        portal.execute(f"CREATE ROLE {role} LOGIN")
    portal.execute(f"ALTER DATABASE {portal.database.name} OWNER TO bank_owner")
    yield Roles(portal, urls)
    portal.close()
    # They are of the server, and so are the rights of theirs that went with the database.
    for role in ROLES:
        ask_server(f"DROP ROLE {role}")


@only_on("postgresql", "SQLite has no roles")
@pytest.mark.timeout(240)
def test_each_process_has_the_rights_that_it_needs_and_none_over_what_others_write(
    roles: Roles,
) -> None:
    owner = roles.as_role("bank_owner")
    owner.manage("migrate")
    owner.python(FIRST_AGENTS)
    with psycopg.connect(roles.urls["bank_owner"]) as connection:
        connection.execute(GRANTS.read_text(encoding="utf-8"))
    owner.start("run_broker", "--memory")
    wait_until(lambda: running_endpoint(owner.folder), "the stand-in for Kafka runs")
    owner.manage("create_topics")

    consumer = roles.as_role("bank_consumer")
    consumer.start("run_consumer")
    wait_until(lambda: "Posting from" in consumer.output_of("run_consumer"), "it has the log")
    roles.as_role("bank_relay").start("run_relay")
    roles.as_role("bank_web").python(AT_THE_COUNTER)

    with psycopg.connect(roles.urls["bank_web"], autocommit=True) as connection:
        wait_until(
            lambda: connection.execute(POSTED_AND_DONE).fetchone() == (1_500, 0),
            "the deposit is posted, and its row of the outbox done",
        )
    outbox = "INSERT INTO accounts_outbox (id) VALUES (1)"
    pickled = "INSERT INTO shared_cache VALUES ('', '', now())"
    for role, statement in [
        ("bank_web", "UPDATE accounts_balance SET balance_minor = 0"),
        ("bank_web", "INSERT INTO accounts_entry (id) VALUES (1)"),
        ("bank_web", "ALTER TABLE accounts_auditrecord DISABLE TRIGGER ALL"),
        ("bank_web", "DELETE FROM accounts_auditrecord"),
        ("bank_relay", outbox),
        ("bank_relay", pickled),
        ("bank_consumer", "SELECT password FROM accounts_agent"),
        ("bank_consumer", "INSERT INTO accounts_submission (id) VALUES (1)"),
        ("bank_consumer", pickled),
    ]:
        assert roles.refuses(role, statement), (role, statement)
