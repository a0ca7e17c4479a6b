"""Which jars are Kafka, to the byte: reading the lock, and making it anew.

To move to another Kafka, change the versions here and run
``python -m streaming.embedded.lock``; it downloads every jar and writes the lock.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from streaming.embedded.repository import open_repositories

KAFKA_VERSION = "4.4.0"
LOG4J_VERSION = "2.26.1"

# Kafka's own description asks for clients of another version than the server, so each
# part is named. Without the last one Kafka would log nothing.
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-server:{KAFKA_VERSION}",
    f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}",
)
LOCK_PATH = Path(__file__).with_name("kafka-jars.lock.json")


@dataclass(frozen=True)
class LockedJar:
    """One file of Kafka, as it was when the lock was made."""

    coordinate: str
    file_name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class JarLock:
    """All the files of one Kafka, in the order of the class path."""

    kafka_version: str
    jars: tuple[LockedJar, ...]

    @property
    def size(self) -> int:
        """Give the bytes of all jars together."""
        return sum(jar.size for jar in self.jars)


def read_lock(path: Path = LOCK_PATH) -> JarLock:
    """Read the lock that is part of the portal."""
    content = json.loads(path.read_text(encoding="utf-8"))
    jars = tuple(LockedJar(**jar) for jar in content["jars"])
    return JarLock(kafka_version=content["kafka_version"], jars=jars)


def write_lock(lock: JarLock, path: Path = LOCK_PATH) -> None:
    """Write ``lock`` so that a change of one jar is a change of few lines."""
    path.write_text(json.dumps(asdict(lock), indent=1) + "\n", encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_lock() -> JarLock:
    """Resolve and download Kafka and all that it needs, and describe each file."""
    with TemporaryDirectory() as folder:
        return JarLock(KAFKA_VERSION, tuple(_resolved_jars(Path(folder))))


def _resolved_jars(folder: Path) -> Iterator[LockedJar]:
    repositories = open_repositories(folder)
    asked = [repositories.create_dependency(each) for each in COORDINATES]
    inputs, transitive = repositories.resolver.resolve(asked)
    # No classifier, no other packaging: the lock names a jar by three words.
    needed = inputs + [each for each in transitive if each.scope in {"compile", "runtime"}]
    for each in needed:
        path = each.artifact.resolve()
        yield LockedJar(
            coordinate=f"{each.groupId}:{each.artifactId}:{each.version}",
            file_name=path.name,
            sha256=sha256_of(path),
            size=path.stat().st_size,
        )


if __name__ == "__main__":
    made = make_lock()
    write_lock(made)
    sys.stdout.write(
        f"Kafka {made.kafka_version}: {len(made.jars)} jars, {made.size / 1e6:.1f} MB, "
        f"locked in {LOCK_PATH}\n"
    )
