"""A real Kafka that lets nobody in without a name, over TLS, and nobody do what no rule allows.

One for all the processes of a run, as in ``kafka_fixtures``. Its only super user is ``admin``,
who is for tests to give rules with. Its listeners differ by their certificate.
"""

import datetime
import fcntl
import ipaddress
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from string import Template

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from streaming.embedded.cache import jar_folder
from streaming.embedded.home import LOG4J_SETTINGS, new_cluster_id
from streaming.embedded.java import find_java, java_command, java_environment
from streaming.embedded.lock import read_lock
from streaming.embedded.ports import free_port
from streaming.embedded.process import TetheredProcess
from tests.kafka_classes import with_classes
from tests.kafka_fixtures import PATIENCE_S, ROOT, broker_environment

ADMIN = "admin"
# Whom docs/kafka-security.md gives rules, and one whom it gives none.
PRINCIPALS = (
    ADMIN,
    "bankportal-consumer",
    "bankportal-import",
    "bankportal-operator",
    "bankportal-relay",
    "bankportal-topics",
    "bankportal-web",
)
LISTENERS = ("TRUSTED", "ELSEWHERE", "EXPIRED")

PROPERTIES = Template("""\
process.roles=broker,controller
node.id=1
listeners=$listeners,INTERNAL://127.0.0.1:$internal,CONTROLLER://127.0.0.1:$controller
advertised.listeners=$listeners,INTERNAL://127.0.0.1:$internal,CONTROLLER://127.0.0.1:$controller
listener.security.protocol.map=$protocols,INTERNAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:$controller
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.internal.plain.sasl.jaas.config=$plain
listener.name.controller.plain.sasl.jaas.config=$plain
ssl.keystore.type=PEM
$listener_settings
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:$admin
log.dirs=log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
connection.failed.authentication.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
""")
PLAIN = Template(
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="$name" password="$password" user_$name="$password";'
)
OF_LISTENER = Template("""\
listener.name.$name.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
listener.name.$name.ssl.keystore.location=$name.pem
listener.name.$name.scram-sha-256.sasl.jaas.config=$scram
listener.name.$name.scram-sha-512.sasl.jaas.config=$scram
""")
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass(frozen=True)
class SecuredKafka:
    """Where each listener is, the certificate to trust, and everybody's password."""

    listeners: dict[str, str]
    certificate: str
    passwords: dict[str, str]

    def environment(
        self, name: str, *, listener: str = "TRUSTED", mechanism: str = "SCRAM-SHA-512"
    ) -> dict[str, str]:
        """Give the settings of a process that signs in as ``name``."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.listeners[listener],
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_SASL_USERNAME": name,
            "KAFKA_SASL_PASSWORD": self.passwords[name],
            "KAFKA_SSL_CA_LOCATION": self.certificate,
        }

    def admin(self) -> AdminClient:
        return AdminClient(
            {
                "bootstrap.servers": self.listeners["TRUSTED"],
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-256",
                "sasl.username": ADMIN,
                "sasl.password": self.passwords[ADMIN],
                "ssl.ca.location": self.certificate,
                "log_level": 0,
            }
        )


@pytest.fixture(scope="session")
def secured_kafka(kafka: object, run_folder: Path) -> Iterator[SecuredKafka]:
    """Give the one secured broker that all the processes of this run share.

    It needs the shared one first, which has fetched the jars, or skipped the test.
    """
    folder = run_folder / "secured"
    folder.mkdir(exist_ok=True)
    with (folder / "users.lock").open("wb") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (folder / "start.lock").open("wb") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            said = folder / "keeper.txt"
            if not said.exists() or not (said.read_text() or (folder / "ready.json").exists()):
                said.touch()
                _start_keeper(folder)
            deadline = time.monotonic() + PATIENCE_S
            while not (folder / "ready.json").exists():
                assert "Traceback" not in said.read_text(), said.read_text()
                assert time.monotonic() < deadline, "The secured broker was not ready in time."
                time.sleep(0.02)
        yield SecuredKafka(**json.loads((folder / "ready.json").read_text()))


def _start_keeper(folder: Path) -> None:
    words = [sys.executable, "-m", "tests.secured_kafka", str(folder)]
    subprocess.run(
        ["/bin/sh", "-c", '"$@" >"$0" 2>&1 </dev/null &', str(folder / "keeper.txt"), *words],
        cwd=ROOT,
        env=broker_environment(folder)
        | with_classes()
        | {"DJANGO_SETTINGS_MODULE": "bankportal.settings"},
        start_new_session=True,
        check=True,
    )


def keep(folder: Path) -> None:
    """Run the broker until no test process is left."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    described = _described(folder)
    passwords = described.passwords
    scram = [
        f"{mechanism}=[name={name},password={passwords[name]}]"
        for name in PRINCIPALS
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
    ]
    words = [word for each in scram for word in ("--add-scram", each)]
    # A run whose tests all came late may have ended a first one here.
    shutil.rmtree(folder / "log", ignore_errors=True)
    _run(
        folder,
        "kafka.tools.StorageTool",
        *("format", "--standalone", "-t", new_cluster_id(), "-c", "server.properties", *words),
    ).wait()
    broker = _run(folder, "kafka.Kafka", "server.properties")
    _wait_until_it_serves(described, broker)
    draft = ready.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(described)))
    draft.replace(ready)
    with (folder / "users.lock").open("wb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        ready.unlink()
        broker.end(grace_s=30)


def _described(folder: Path) -> SecuredKafka:
    """Write certificates and settings; give what a client needs of them."""
    passwords = {name: token_hex(16) for name in PRINCIPALS}
    ports: list[int] = []
    for _ in range(len(LISTENERS) + 2):
        ports.append(free_port(0, but_not=ports))
    internal, controller, *outside = ports
    addresses = {n: f"127.0.0.1:{p}" for n, p in zip(LISTENERS, outside, strict=True)}
    _write_certificates(folder)
    (folder / "log4j2.xml").write_text(LOG4J_SETTINGS)
    (folder / "server.properties").write_text(
        PROPERTIES.substitute(
            listeners=",".join(f"{name}://{at}" for name, at in addresses.items()),
            protocols=",".join(f"{name}:SASL_SSL" for name in addresses),
            listener_settings="".join(
                OF_LISTENER.substitute(name=name.lower(), scram=SCRAM) for name in addresses
            ),
            internal=internal,
            controller=controller,
            plain=PLAIN.substitute(name=ADMIN, password=passwords[ADMIN]),
            admin=ADMIN,
        )
    )
    return SecuredKafka(addresses, str(folder / "authority.pem"), passwords)


def _run(folder: Path, main_class: str, *words: str) -> TetheredProcess:
    lock = read_lock()
    jars = [jar_folder(settings.KAFKA_CACHE_DIR, lock) / jar.file_name for jar in lock.jars]
    with (folder / "jvm.log").open("ab") as output:
        return TetheredProcess(
            java_command(find_java(settings.JAVA_HOME), jars, main_class, *words),
            folder=folder,
            environment=java_environment(),
            output=output,
        )


def _wait_until_it_serves(described: SecuredKafka, broker: TetheredProcess) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert broker.is_running(), "The secured broker ended; see its jvm.log and server.log."
        try:
            if described.admin().list_topics(timeout=1).brokers:
                return
        except KafkaException:
            continue


def _write_certificates(folder: Path) -> None:
    """Write an authority, and for each listener a certificate of it with its key."""
    now = datetime.datetime.now(tz=datetime.UTC)
    day = datetime.timedelta(days=1)
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    there = [x509.DNSName("kafka.elsewhere.example")]
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("an authority of the tests")
    signer = (name, key)
    authority = _certificate(name, key, signer, until=now + day, is_authority=True)
    (folder / "authority.pem").write_bytes(_pem(authority))
    for listener, names, until in (
        ("trusted", here, now + day),
        ("elsewhere", there, now + day),
        ("expired", here, now - day),
    ):
        own = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(_named(listener), own, signer, until=until, names=names)
        (folder / f"{listener}.pem").write_bytes(_key_pem(own) + _pem(made) + _pem(authority))


def _certificate(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: tuple[x509.Name, ec.EllipticCurvePrivateKey],
    *,
    until: datetime.datetime,
    names: Iterable[x509.GeneralName] = (),
    is_authority: bool = False,
) -> x509.Certificate:
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(signer[0])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - datetime.timedelta(days=30))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(signer[1], hashes.SHA256())


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
