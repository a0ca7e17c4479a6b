"""A Java for the brokers of tests that finds Kafka's classes read, and starts in half the time.

The first run makes the archive of classes while its tests go on; it stays with pytest's cache.
The portal has none, for the reasons in docs/decisions/0002-embedded-kafka.md; the tests of the
site start what its user starts.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from streaming.embedded import JarsNotAvailable
from streaming.embedded.cache import jar_folder
from streaming.embedded.java import find_java, java_command, java_environment
from streaming.embedded.lock import LOCK_PATH, read_lock
from streaming.file_lock import LockedByAnother, held

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".pytest_cache" / "kafka-classes"
# What the archive holds of no use is told in warnings, into Kafka's own log.
_QUIET = "-Xlog:aot*=off"


def with_classes() -> dict[str, str]:
    """Give what makes a broker use the archive, if there is one; nothing with a Java chosen."""
    home = _java_home()
    return {"JAVA_HOME": str(home)} if home else {}


def make_archive(kafka_cache: Path, run_a_while: Callable[[dict[str, str]], None]) -> None:
    """Make the archive unless it is there, or another run is at it.

    ``run_a_while`` runs a broker with the given environment until it serves, in order to see
    what it reads; ``kafka_cache`` has the jars.
    """
    home = _java_home()
    if home is None or _archive(home).exists():
        return
    try:
        with held(home / "making.lock", wait_s=0):
            draft = home / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            _write_java(draft, "-XX:AOTMode=record", f"-XX:AOTConfiguration={draft / 'seen'}")
            run_a_while({"JAVA_HOME": str(draft)})
            _dump(draft, kafka_cache)
            (draft / "archive").replace(_archive(home))
            shutil.rmtree(draft)
    except LockedByAnother:
        return


def _java_home() -> Path | None:
    """Give a folder like a Java's, made at its first use; None where it is not for us to choose."""
    if os.environ.get("JAVA_HOME"):
        return None
    try:
        java = find_java("")
    except JarsNotAvailable:
        return None
    release = (java.parent.parent / "release").read_bytes()
    which = hashlib.sha256(release + LOCK_PATH.read_bytes() + bytes(java)).hexdigest()[:16]
    home = CACHE / which
    if not (home / "bin" / "java").exists():
        _write_java(home, f"-XX:AOTCache={_archive(home)}", only_with=_archive(home))
    return home


def _archive(home: Path) -> Path:
    return home / "archive"


def _write_java(home: Path, *options: str, only_with: Path | None = None) -> None:
    """Write a ``java`` that starts the bundled one with ``options`` before those it is given."""
    java = find_java("")
    condition = f"[ -f {shlex.quote(str(only_with))} ] && " if only_with else ""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(java.parent.parent / "release", home)
    # Others may be about to start it.
    draft = program.with_name(f"java-{os.getpid()}")
    draft.write_text(
        f'#!/bin/sh\n{condition}set -- {shlex.join([_QUIET, *options])} "$@"\n'
        f'exec {shlex.quote(str(java))} "$@"\n',
        encoding="utf-8",
    )
    draft.chmod(0o755)
    draft.replace(program)


def _dump(draft: Path, kafka_cache: Path) -> None:
    lock = read_lock()
    jars = [jar_folder(kafka_cache, lock) / jar.file_name for jar in lock.jars]
    java, *options = java_command(find_java(""), jars, "kafka.Kafka")
    made_of = f"-XX:AOTConfiguration={draft / 'seen'}"
    subprocess.run(
        [java, "-XX:AOTMode=create", made_of, f"-XX:AOTCache={draft / 'archive'}", *options],
        cwd=draft,
        env=java_environment(),
        capture_output=True,
        check=True,
    )
