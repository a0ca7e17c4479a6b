"""One real Kafka broker on one ``DATA_DIR``: made, started, watched and ended."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streaming.embedded import BrokerRefused, BrokerStopped, DiskFull
from streaming.embedded.home import BrokerHome, new_cluster_id
from streaming.embedded.java import java_command, java_environment
from streaming.embedded.ports import HOST, free_port, require_free
from streaming.embedded.process import TetheredProcess
from streaming.file_lock import LockedByAnother, held

STOP_GRACE_S = 30.0
START_ATTEMPTS = 3

IsReady = Callable[[str], bool]


@dataclass(frozen=True)
class Program:
    """What to run: a Java and Kafka's jars, checked."""

    java: Path
    jars: list[Path]

    def command(self, main_class: str, *words: str) -> list[str]:
        return java_command(self.java, self.jars, main_class, *words)


@contextmanager
def exclusive_use(home: BrokerHome) -> Iterator[int]:
    """Hold the broker's folder for this process and the children that inherit the result.

    Waits a moment for a predecessor that was killed and whose Java is still ending.
    Raises ``BrokerRefused`` when another ``run_broker`` is at work.
    """
    home.prepare()
    try:
        with held(home.lock, wait_s=5) as descriptor:
            yield descriptor
    except LockedByAnother as taken:
        raise BrokerRefused(
            f"Another run_broker (process {taken.holder}) works in {home.folder}. "
            "Stop it, or give this one a DATA_DIR of its own."
        ) from taken


class EmbeddedBroker:
    """A Kafka broker and its controller in one Java process.

    The caller holds ``exclusive_use`` of ``home`` throughout.
    """

    def __init__(self, home: BrokerHome, program: Program, lock_descriptor: int) -> None:
        self.home = home
        self.address = ""
        self.cluster_id = ""
        self._program = program
        # Java keeps the lock: a successor must not start beside one that is still ending.
        self._lock_descriptor = lock_descriptor
        self._process: TetheredProcess | None = None

    def start(self, port: int, is_ready: IsReady) -> None:
        """Start on ``port``, or on the last or another free one if 0; block until it serves.

        ``is_ready`` is given the address, may take a second, and is asked until it says
        yes. Raises ``BrokerRefused``, ``DiskFull`` among them, or ``BrokerStopped``.
        """
        self.home.require_space()
        if not self.home.is_formatted():
            self._format()
        self.cluster_id = self.home.cluster_id()
        for attempt in range(1, START_ATTEMPTS + 1):
            self._launch(port)
            if self._becomes_ready(is_ready):
                return
            # Between our look at a free port and Kafka's use of it, somebody else took it.
            if not self._lost_its_port() or port or attempt == START_ATTEMPTS:
                raise self._stopped()

    def wait(self) -> None:
        """Block while the broker runs; raises why when it has ended by itself."""
        self._running().wait()
        raise self._stopped()

    def stop(self) -> None:
        """End the broker in order: what it has acknowledged is on disk, and its log closed."""
        if self._process and self._process.is_running():
            self._process.end(STOP_GRACE_S)

    def _format(self) -> None:
        """Make an empty log in a draft, so that a kill midway leaves no half-made one."""
        if self.home.log.is_dir() and any(self.home.log.iterdir()):
            raise BrokerRefused(
                f"{self.home.log} holds something but no meta.properties. "
                "Restore it from a backup, or move it away to begin with an empty log."
            )
        draft = self.home.folder / "log.draft"
        shutil.rmtree(draft, ignore_errors=True)
        settings = self.home.write_format_settings(draft)
        words = ("format", "--standalone", "-t", new_cluster_id(), "-c", settings.name)
        process = self._run("kafka.tools.StorageTool", *words)
        if process.wait() != 0:
            self.home.require_space()
            raise BrokerStopped(
                f"Kafka could not make its log: {_complaint(self.home)} See {self.home.jvm_log}."
            )
        draft.replace(self.home.log)

    def _launch(self, port: int) -> None:
        if port:
            require_free(port)
        last_broker, last_controller = self.home.last_ports()
        broker_port = port or free_port(last_broker)
        self.home.write_settings(broker_port, free_port(last_controller, but_not=[broker_port]))
        self.home.begin_log_files()
        self.address = f"{HOST}:{broker_port}"
        self._process = self._run("kafka.Kafka", self.home.properties.name)

    def _run(self, main_class: str, *words: str) -> TetheredProcess:
        with self.home.jvm_log.open("wb") as output:
            return TetheredProcess(
                self._program.command(main_class, *words),
                folder=self.home.folder,
                environment=java_environment(),
                output=output,
                keep_open=[self._lock_descriptor],
            )

    def _becomes_ready(self, is_ready: IsReady) -> bool:
        while self._running().is_running():
            if is_ready(self.address):
                return True
            time.sleep(0.02)
        return False

    def _running(self) -> TetheredProcess:
        if self._process is None:
            raise RuntimeError("the broker was not started")
        return self._process

    def _lost_its_port(self) -> bool:
        return "Address already in use" in _tail(self.home.server_log)

    def _stopped(self) -> BrokerStopped | DiskFull:
        code = self._running().wait()
        if "No space left on device" in _tail(self.home.server_log) or not self.home.has_space():
            return DiskFull(
                f"Kafka stopped: the disk of {self.home.folder} is full. Free some space on it."
            )
        return BrokerStopped(
            f"Kafka stopped by itself (exit code {code}): {_complaint(self.home)} "
            f"See {self.home.server_log} and {self.home.jvm_log}."
        )


def _complaint(home: BrokerHome) -> str:
    """Give the last thing that Kafka or its Java complained of."""
    logged = [line for line in _lines(home.server_log) if " ERROR " in line or " FATAL " in line]
    # Java warns at each end of a part of Kafka that it means to change.
    printed = [line for line in _lines(home.jvm_log) if not line.startswith("WARNING:")]
    return next(iter([*logged[-1:], *printed[-1:]]), "it gave no reason.")


def _lines(path: Path) -> list[str]:
    return [line for line in _tail(path).splitlines() if line.strip()]


def _tail(path: Path, size: int = 65_536) -> str:
    """Give the end of a file; nothing if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - size, 0))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
