"""Signing in to a Kafka over TLS, and what docs/kafka-security.md lets each name do there."""

import argparse
import json
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from django.conf import settings as django_settings

from accounts.ledger.identity import Position
from streaming.endpoint import Endpoint
from streaming.kafka.admin import (
    BrokerNotReachable,
    NotPermitted,
    SignInRefused,
    create_topic,
    describe_log,
    ensure_topics,
)
from streaming.kafka.connection import Connection
from streaming.kafka.log_reader import read_log
from streaming.kafka.producer import NotDelivered, Producer
from streaming.kafka.reader import Reader, ReadFailed
from tests.databases import copy_database
from tests.kafka_fixtures import ROOT
from tests.processes import Portal, wait_until
from tests.secured_kafka import ADMIN, SecuredKafka

DOCUMENT = ROOT / "docs" / "kafka-security.md"
HISTORY = "transaction_date;account;transaction_value;balance\n05/01/2026;C7;100;100\n"
OPEN_AND_SUBMIT = """
from accounts.identifiers import new_transaction_id
from accounts.models import Agent, Branch, Kind
from accounts.services.accounts import open_account
from accounts.services.submissions import submit_transaction
branch = Branch.objects.create(code="lyon", name="Lyon")
teller = Agent.objects.create(username="teller", role="teller", branch=branch)
open_account(
    transaction_id=new_transaction_id(), number="C100", holder="Ada",
    opening_balance_minor=0, least_balance_minor=0, by=teller,
)
submit_transaction(
    transaction_id=new_transaction_id(), account="C100", kind=Kind.DEPOSIT,
    amount_minor=10_000, by=teller,
)
"""


@dataclass(frozen=True)
class Rule:
    """One operation that a line of the document allows."""

    name: str
    operation: str
    kind: str
    resource: str

    def __str__(self) -> str:
        return f"{self.name}-{self.operation}-{self.kind}-{self.resource}"

    def binding(self, names: dict[str, str]) -> AclBinding:
        return AclBinding(
            ResourceType[self.kind],
            names[self.resource],
            ResourcePatternType.LITERAL,
            f"User:{self.name}",
            "*",
            AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.operation).upper()],
            AclPermissionType.ALLOW,
        )


def rules_of_the_document() -> list[Rule]:
    words = argparse.ArgumentParser(exit_on_error=False)
    words.add_argument("--bootstrap-server", required=True)
    words.add_argument("--command-config", required=True)
    words.add_argument("--add", action="store_true", required=True)
    words.add_argument("--allow-principal", required=True)
    words.add_argument("--operation", action="append", required=True)
    words.add_argument("--topic")
    words.add_argument("--group")
    found = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("kafka-acls.sh "):
            given = words.parse_args(shlex.split(line)[1:])
            kind = "TOPIC" if given.topic else "GROUP"
            name = given.allow_principal.removeprefix("User:")
            resource = given.topic or given.group
            found += [Rule(name, each, kind, resource) for each in given.operation]
    return found


RULES = rules_of_the_document()
DAEMONS = {"bankportal-consumer", "bankportal-relay"}
NAMES = sorted({rule.name for rule in RULES})
# What Kafka takes as allowed along with an operation, and so misses first where that is missing.
IMPLIED = {"Read": "Describe", "Write": "Describe", "AlterConfigs": "DescribeConfigs"}


class Bank:
    """Topics and a group of a test's own on the secured broker, and rules for them."""

    def __init__(self, kafka: SecuredKafka) -> None:
        self.kafka = kafka
        self.topic = f"test-{uuid4().hex[:12]}"
        self.dead_topic = f"{self.topic}.dead"
        self.group = f"group-{self.topic}"
        self.endpoint = Endpoint("external", kafka.listeners["TRUSTED"])
        self._admin: AdminClient = kafka.admin()
        self._names = {
            "submissions": self.topic,
            "submissions.dead": self.dead_topic,
            "bankportal": self.group,
        }

    def allow(self, *rules: Rule) -> None:
        bindings = [rule.binding(self._names) for rule in rules]
        for answer in self._admin.create_acls(bindings).values():
            answer.result(10)
        wait_until(lambda: set(bindings) <= self._in_force(), "the broker knows the rules")

    def forbid_again(self) -> None:
        filters = [
            AclBindingFilter(
                kind,
                name,
                ResourcePatternType.LITERAL,
                None,
                None,
                AclOperation.ANY,
                AclPermissionType.ANY,
            )
            for name in self._names.values()
            for kind in (ResourceType.TOPIC, ResourceType.GROUP)
        ]
        for answer in self._admin.delete_acls(filters).values():
            answer.result(10)

    def give_password(self, name: str, password: str) -> None:
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(name, info, password.encode())
        for answer in self._admin.alter_user_scram_credentials([change]).values():
            answer.result(10)

    def environment(self, name: str, **how: str) -> dict[str, str]:
        return {
            "KAFKA_TOPIC": self.topic,
            "KAFKA_DEAD_LETTER_TOPIC": self.dead_topic,
            "KAFKA_CONSUMER_GROUP": self.group,
            **self.kafka.environment(name, **how),
        }

    def _in_force(self) -> set[AclBinding]:
        every = AclBindingFilter(
            ResourceType.ANY,
            None,
            ResourcePatternType.ANY,
            None,
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        return set(self._admin.describe_acls(every).result(10))


@pytest.fixture
def bank(secured_kafka: SecuredKafka) -> Iterator[Bank]:
    bank = Bank(secured_kafka)
    yield bank
    bank.forbid_again()


@pytest.fixture
def sign_in(bank: Bank, settings) -> Callable[..., Endpoint]:
    """Give a function by which this process signs in as somebody; it gives where."""

    def as_somebody(name: str, *, listener: str = "TRUSTED", **other: str) -> Endpoint:
        chosen = bank.environment(name, listener=listener) | other
        for setting, text in chosen.items():
            setattr(settings, setting, text)
        settings.KAFKA_PARTITIONS, settings.KAFKA_REPLICATION = 1, 1
        return Endpoint("external", chosen["KAFKA_BOOTSTRAP_SERVERS"])

    return as_somebody


@pytest.fixture
def topics(bank: Bank, sign_in) -> Bank:
    """Give the bank with its topics, and a message in the first one."""
    endpoint = sign_in(ADMIN)
    for name in (bank.topic, bank.dead_topic):
        create_topic(endpoint, name, partition_count=1)
    assert published(endpoint, bank.topic) is None
    return bank


def published(endpoint: Endpoint, topic: str) -> NotDelivered | None:
    """Publish something; give why it was refused, if it was."""
    results: list[object] = []
    producer = Producer(endpoint)
    producer.publish(topic, b"C100", b"a message", results.append)
    try:
        assert producer.flush(20) == 0
    except NotDelivered as refused:
        return refused
    return results[0] if isinstance(results[0], NotDelivered) else None


def read(endpoint: Endpoint, topic: str) -> int:
    return len(list(read_log(endpoint, topic, {0: (0, 1)}, patience_s=10)))


def read_as_member(bank: Bank, endpoint: Endpoint) -> int:
    reader = Reader(endpoint, bank.topic, bank.group, lambda _numbers: {0: Position(0, -1, None)})
    try:
        return len(wait_until(lambda: reader.read(10, 0.2), "a message came"))
    finally:
        reader.close()


# What the processes of each name ask of Kafka, by the functions that they ask it with.


def as_relay(bank: Bank, endpoint: Endpoint) -> None:
    describe_log(endpoint, bank.topic)
    read(endpoint, bank.topic)
    for topic in (bank.topic, bank.dead_topic):
        if refused := published(endpoint, topic):
            raise refused


def as_consumer(bank: Bank, endpoint: Endpoint) -> None:
    describe_log(endpoint, bank.topic)
    read_as_member(bank, endpoint)


def as_operator(bank: Bank, endpoint: Endpoint) -> None:
    describe_log(endpoint, bank.topic)
    describe_log(endpoint, bank.dead_topic)
    read(endpoint, bank.topic)


def as_topics(_bank: Bank, endpoint: Endpoint) -> None:
    # The second time each has settings to be corrected, which were given to none by the first.
    ensure_topics(endpoint)
    ensure_topics(endpoint)


def as_import(bank: Bank, endpoint: Endpoint) -> None:
    describe_log(endpoint, bank.topic)
    read(endpoint, bank.topic)
    if refused := published(endpoint, bank.topic):
        raise refused


WAYS: dict[str, Callable[[Bank, Endpoint], None]] = {
    "bankportal-relay": as_relay,
    "bankportal-consumer": as_consumer,
    "bankportal-operator": as_operator,
    "bankportal-topics": as_topics,
    "bankportal-import": as_import,
}


def test_the_document_has_rules_for_everybody_who_asks_kafka():
    assert sorted(WAYS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_rules_of_the_document_are_enough_for(topics, sign_in, name):
    topics.allow(*(rule for rule in RULES if rule.name == name))

    WAYS[name](topics, sign_in(name))


@pytest.mark.parametrize("missing", RULES, ids=str)
def test_each_rule_of_the_document_is_needed_and_missed_by_its_name(
    bank, sign_in, request, missing
):
    if missing.operation != "Create":
        bank = request.getfixturevalue("topics")
    bank.allow(*(rule for rule in RULES if rule.name == missing.name and rule != missing))

    with pytest.raises((NotPermitted, NotDelivered, ReadFailed)) as refused:
        WAYS[missing.name](bank, sign_in(missing.name))

    names = {
        "submissions": bank.topic,
        "submissions.dead": bank.dead_topic,
        "bankportal": bank.group,
    }
    operations = f"({missing.operation}|{IMPLIED.get(missing.operation)})"
    said = f"{refused.value} {getattr(refused.value, 'remedy', '')}"
    assert re.search(
        f"{missing.name} has no right to {operations} on {missing.kind.lower()} "
        rf"{names[missing.resource]}; docs/kafka-security\.md",
        said,
    ), said


def test_nobody_may_do_more_than_the_document_says(topics, sign_in):
    topics.allow(*RULES)
    writers = {"bankportal-relay", "bankportal-import"}

    for name in {*NAMES, "bankportal-web"} - writers:
        assert published(sign_in(name), topics.topic), f"{name} may publish"
    for name in {*NAMES, "bankportal-web"} - {"bankportal-relay"}:
        assert published(sign_in(name), topics.dead_topic), f"{name} may write dead letters"
    for name in {*NAMES, "bankportal-web"} - {"bankportal-consumer"}:
        with pytest.raises(ReadFailed, match="has no right to"):
            read_as_member(topics, sign_in(name))
    with pytest.raises(NotPermitted):
        read(sign_in("bankportal-topics"), topics.topic)
    with pytest.raises(NotPermitted):
        describe_log(sign_in("bankportal-web"), topics.topic)


@pytest.mark.parametrize(
    ("listener", "other", "said", "remedy"),
    [
        ("TRUSTED", {"KAFKA_SASL_PASSWORD": "hunter2"}, "invalid credentials", "KAFKA_SASL_PASS"),
        (
            "TRUSTED",
            {"KAFKA_SASL_MECHANISM": "PLAIN"},
            "supported mechanisms: SCRAM",
            "KAFKA_SASL_MECHANISM",
        ),
        (
            "TRUSTED",
            {"KAFKA_SSL_CA_LOCATION": ""},
            "its certificate is not trusted: self-signed certificate in certificate chain",
            "KAFKA_SSL_CA_LOCATION",
        ),
        (
            "ELSEWHERE",
            {},
            "its certificate is not trusted: IP address mismatch",
            "KAFKA_BOOTSTRAP_SERVERS to the name",
        ),
        (
            "EXPIRED",
            {},
            "its certificate is not trusted: certificate has expired",
            "given a new one",
        ),
    ],
)
def test_a_refused_sign_in_says_at_once_what_is_wrong_and_which_setting_mends_it(
    sign_in, listener, other, said, remedy
):
    endpoint = sign_in("bankportal-relay", listener=listener, **other)

    began = time.monotonic()
    with pytest.raises(SignInRefused) as refused:
        Connection(endpoint, timeout=60)

    assert time.monotonic() - began < 30
    assert said in str(refused.value)
    assert remedy in str(refused.value)
    assert django_settings.KAFKA_SASL_PASSWORD not in str(refused.value)


def test_a_port_that_speaks_tls_is_told_from_one_where_nothing_is(sign_in):
    endpoint = sign_in("bankportal-relay", KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT")

    with pytest.raises(BrokerNotReachable, match="KAFKA_SECURITY_PROTOCOL is what it speaks"):
        Connection(endpoint, timeout=1)


READING = ("verify_ledger", "rebuild_ledger", "backup")


class Staff:
    """One portal whose processes sign in to Kafka each with a name of its own."""

    def __init__(self, folder: Path, bank: Bank) -> None:
        self.folder = folder
        self.bank = bank
        self.portals: list[Portal] = []

    def signed_in(self, name: str, **other: str) -> Portal:
        mechanism = "SCRAM-SHA-256" if name == "bankportal-consumer" else "SCRAM-SHA-512"
        environment = self.bank.environment(name, mechanism=mechanism) | other
        return self._portal(environment)

    def without_a_name(self) -> Portal:
        kept = {"KAFKA_TOPIC", "KAFKA_DEAD_LETTER_TOPIC", "KAFKA_BOOTSTRAP_SERVERS"}
        environment = self.bank.environment("bankportal-web")
        return self._portal({name: environment[name] for name in kept})

    def _portal(self, environment: dict[str, str]) -> Portal:
        self.portals.append(Portal(self.folder, "", **environment))
        return self.portals[-1]

    def close(self) -> None:
        for portal in self.portals:
            portal.close()


@pytest.fixture
def staff(bank, empty_database, tmp_path):
    copy_database(empty_database, tmp_path)
    staff = Staff(tmp_path, bank)
    yield staff
    staff.close()


def test_a_transaction_takes_the_whole_way_with_a_name_and_its_rules_for_each_process(
    staff, sign_in, tmp_path
):
    staff.bank.allow(*RULES)
    (tmp_path / "history.csv").write_text(HISTORY)
    web, operator = staff.without_a_name(), staff.signed_in("bankportal-operator")
    said = [staff.signed_in("bankportal-topics").manage("create_topics").stdout]
    consumer, relay = map(staff.signed_in, ("bankportal-consumer", "bankportal-relay"))
    consumer.start("run_consumer")
    relay.start("run_relay")

    importer = staff.signed_in("bankportal-import")
    said.append(importer.manage("import_transactions", str(tmp_path / "history.csv")).stdout)
    web.python(OPEN_AND_SUBMIT)
    assert published(sign_in(ADMIN), staff.bank.topic) is None, "no event, so a dead letter"

    wait_until(lambda: web.balance("C100") == 10_000, "the submission is posted")
    wait_until(lambda: web.balance("C7") == 10_000, "the history is posted")
    wait_until(
        lambda: web.value("SELECT count(*) FROM accounts_outbox WHERE is_done") == 3,
        "the copy of the dead letter is published too",
    )
    status = operator.manage("ledger_status", "--json").stdout
    assert json.loads(status)["kafka"]["problem"] == ""
    assert json.loads(status)["lag"] == 0
    said += [status, operator.manage("describe_topics").stdout]
    said += [operator.manage(*words.split()).stdout for words in READING]
    said += [operator.manage("doctor", check=False).stdout]
    assert f"external Kafka at {staff.bank.kafka.listeners['TRUSTED']}" in said[-1]
    said += [path.read_text(errors="replace") for path in tmp_path.glob("*.log")]
    for password in staff.bank.kafka.passwords.values():
        assert password not in "".join(said)


def test_a_name_that_is_refused_is_told_to_everybody_and_waited_for(staff, tmp_path):
    name, password = f"late-{uuid4().hex[:8]}", "hunter2-and-hunter3"
    staff.bank.kafka.passwords[name] = "not yet on record"
    late = staff.signed_in(name, KAFKA_SASL_PASSWORD=password)
    running = [late.start("run_consumer"), late.start("run_relay")]
    said = {
        words: late.manage(*words.split(), check=False)
        for words in ("create_topics", "describe_topics", "ledger_status --json", "doctor")
    }
    for each in ("run_consumer", "run_relay"):
        wait_until(lambda each=each: "KAFKA_SASL_PASSWORD" in late.output_of(each), "it is said")
        assert "invalid credentials" in late.output_of(each)

    topics = staff.signed_in("bankportal-topics")
    its_own = {replace(rule, name=name) for rule in RULES if rule.name in DAEMONS}
    staff.bank.allow(*RULES, *its_own)
    topics.manage("create_topics")
    staff.bank.give_password(name, password)

    wait_until(lambda: "Posting from" in late.output_of("run_consumer"), "the consumer goes on")
    wait_until(lambda: "Publishing to" in late.output_of("run_relay"), "the relay goes on")
    for process in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert {words: run.returncode for words, run in said.items()} == {
        "create_topics": 1,
        "describe_topics": 1,
        "ledger_status --json": 0,
        "doctor": 1,
    }
    texts = [run.stdout + run.stderr for run in said.values()]
    texts += [late.output_of("run_consumer"), late.output_of("run_relay")]
    for text in texts:
        assert "KAFKA_SASL_PASSWORD" in text
        assert "Traceback" not in text
        assert password not in text
