"""The broker's folder in ``DATA_DIR``: its log, its settings, its identity."""

import base64
import os
import re
import shutil
import uuid
from pathlib import Path
from string import Template

from streaming.embedded import NO_SPACE, BrokerRefused, DiskFull

MINIMUM_FREE_MB = 256

SERVER_PROPERTIES = Template("""\
# Written at each start by manage.py run_broker.
process.roles=broker,controller
node.id=1
listeners=BROKER://127.0.0.1:$broker_port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=BROKER://127.0.0.1:$broker_port,CONTROLLER://127.0.0.1:$controller_port
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:$controller_port
log.dirs=$log_folder

# The log is the record: nothing leaves it, and nothing is made by a mistyped name.
log.retention.ms=-1
log.retention.bytes=-1
log.message.timestamp.type=LogAppendTime
auto.create.topics.enable=false

# One node has nobody to copy to, and nobody to wait for.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0

# After a kill the controller, which is the same process, refuses the broker until the
# session of its former self is over: 9 s by default.
broker.session.timeout.ms=2500
broker.heartbeat.interval.ms=500

# Sized for one small machine.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
""")

# The folder is the working directory, so that no path needs the escapes of three languages.
LOG4J_SETTINGS = """\
<Configuration status="error" shutdownHook="disable">
  <Appenders>
    <RollingFile name="file" fileName="server.log" filePattern="server.%i.log">
      <PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSSXXX} %p %c{1}: %m%n"/>
      <SizeBasedTriggeringPolicy size="5 MB"/>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Logger name="org.apache.kafka.common.config.AbstractConfig" level="warn"/>
    <Root level="info"><AppenderRef ref="file"/></Root>
  </Loggers>
</Configuration>
"""


class BrokerHome:
    """Paths and files of the embedded broker of one ``DATA_DIR``."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "kafka"
        self.log = self.folder / "log"
        self.lock = self.folder / "run_broker.lock"
        self.endpoint = self.folder / "endpoint.json"
        self.properties = self.folder / "server.properties"
        self.server_log = self.folder / "server.log"
        self.jvm_log = self.folder / "jvm.log"

    def prepare(self) -> None:
        """Make the folder, or raise ``BrokerRefused`` with what is in the way."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f"probe-{os.getpid()}"
            try:
                probe.write_bytes(b"x")
            finally:
                probe.unlink(missing_ok=True)
        except OSError as failure:
            if failure.errno in NO_SPACE:
                raise DiskFull(_no_room(self.folder)) from failure
            raise BrokerRefused(
                f"Kafka cannot write to {self.folder}: {failure.strerror}. "
                "Make it writable, or set DATA_DIR to a folder that is."
            ) from failure

    def require_space(self) -> None:
        """Raise ``DiskFull`` unless there is room to work.

        Kafka maps its index files into memory and dies midway when the disk is full.
        """
        if not self.has_space():
            raise DiskFull(_no_room(self.folder))

    def has_space(self) -> bool:
        """Say whether there is room to work."""
        return _free_mb(self.folder) >= MINIMUM_FREE_MB

    def is_formatted(self) -> bool:
        """Say whether there is a log to go on with."""
        return (self.log / "meta.properties").is_file()

    def cluster_id(self) -> str:
        """Give the identity that the log was given when it was made."""
        meta = (self.log / "meta.properties").read_text(encoding="utf-8")
        found = re.search(r"^cluster\.id=(\S+)$", meta, re.MULTILINE)
        if found is None:
            raise BrokerRefused(
                f"{self.log}/meta.properties names no cluster. Restore {self.log} from a backup."
            )
        return found[1]

    def last_ports(self) -> tuple[int, int]:
        """Give the ports of the last start, for broker and controller; 0 where unknown."""
        try:
            text = self.properties.read_text(encoding="utf-8")
        except OSError:
            return 0, 0
        found = re.search(r"^listeners=\D+[\d.]+:(\d+),\D+[\d.]+:(\d+)$", text, re.MULTILINE)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def write_settings(self, broker_port: int, controller_port: int) -> None:
        """Write what Kafka and its logging read at start."""
        self.properties.write_text(_properties(broker_port, controller_port, self.log.name))
        (self.folder / "log4j2.xml").write_text(LOG4J_SETTINGS)

    def begin_log_files(self) -> None:
        """Put aside what the last run wrote, so that what is found is of this one."""
        if self.server_log.is_file():
            self.server_log.replace(self.folder / "server.previous.log")

    def write_format_settings(self, log_folder: Path) -> Path:
        """Write the settings for making an empty log in ``log_folder``; gives the file."""
        path = self.folder / "format.properties"
        path.write_text(_properties(*self.last_ports(), log_folder.name))
        return path


def _free_mb(folder: Path) -> int:
    return shutil.disk_usage(folder).free // 1_000_000


def _no_room(folder: Path) -> str:
    return (
        f"The disk of {folder} has {_free_mb(folder)} MB free, and Kafka needs "
        f"{MINIMUM_FREE_MB}. Free some, or set DATA_DIR to another disk."
    )


def new_cluster_id() -> str:
    """Give a random cluster id in Kafka's form, never one that looks like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _properties(broker_port: int, controller_port: int, log_folder: str) -> str:
    return SERVER_PROPERTIES.substitute(
        broker_port=broker_port, controller_port=controller_port, log_folder=log_folder
    )
