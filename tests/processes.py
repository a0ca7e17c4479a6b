"""The portal's own processes under test: each test's in a folder and on topics of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import psutil
from django.test import override_settings

from streaming.endpoint import Endpoint
from streaming.kafka.topics import ensure_topics
from tests.databases import Postgresql, database_of
from tests.forked import Forked, forge
from tests.kafka_classes import with_classes

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0

Process = Forked | subprocess.Popen[bytes]

# Before a command, starts it as ``nohup`` and a script's ``&`` do: deaf to SIGHUP and SIGINT.
DEAF_LIKE_NOHUP = ["/bin/sh", "-c", 'trap "" HUP INT; exec "$@"', "sh"]

_DAPHNE = "import sys; from bankportal.web_server import serve; serve(sys.argv[1:])"


def wait_until(what: Callable[[], Any], why: str, patience_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true; fail, saying what was waited for, when patience ends."""
    deadline = time.monotonic() + patience_s
    while not (answer := what()):
        assert time.monotonic() < deadline, f"Waited {patience_s} s in vain until {why}."
        time.sleep(0.02)
    return answer


def scraped(port: int) -> dict[str, float]:
    """Give what a process tells Prometheus, by name and labels."""
    with build_opener(ProxyHandler({})).open(
        f"http://127.0.0.1:{port}/metrics", timeout=10
    ) as told:
        lines = re.findall(r"^([^#\s]\S*) (\S+)$", told.read().decode(), re.MULTILINE)
    return {name: float(value) for name, value in lines}


def let_children_hear_signals() -> None:
    """Start programs from here on as a terminal does, also under ``nohup`` or behind ``&``.

    There SIGHUP or SIGINT is inherited as ignored, by us and then by what we start. A handler
    is not inherited, so one that does nothing leaves us deaf and lets our children hear.
    Main thread only.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)


class Portal:
    """A database of its own, and processes that use it with a Kafka from elsewhere."""

    def __init__(self, folder: Path, bootstrap_servers: str, **environment: str) -> None:
        self.folder = folder
        given = environment.get("DATABASE_URL")
        self.database = Postgresql(given) if given else database_of(folder)
        self._has_own_database = not given
        # Where the output of its processes goes.
        self.logs = folder
        self.topic = f"submissions-{uuid4().hex[:12]}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DJANGO_"))},
            "DATA_DIR": str(folder),
            "DATABASE_URL": self.database.url,
            "DJANGO_SETTINGS_MODULE": "bankportal.settings",
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "KAFKA_TOPIC": self.topic,
            "KAFKA_DEAD_LETTER_TOPIC": f"{self.topic}.dead",
            "KAFKA_CONSUMER_GROUP": f"group-{self.topic}",
            "KAFKA_PARTITIONS": "3",
            # Where a library crashes, the log says in the midst of what.
            "PYTHONFAULTHANDLER": "1",
            # A test is quicker than any agent.
            "SUBMISSIONS_PER_MINUTE": "60000",
            "SEARCHES_PER_MINUTE": "60000",
            "FIGURES_PER_MINUTE": "60000",
            "CHANGES_PER_MINUTE": "60000",
            # Who signed in when the run began is in until it ends.
            "SESSION_IDLE_MINUTES": "1440",
            "SESSION_HOURS": "168",
            **with_classes(),
            **environment,
        }
        self.url = ""
        self.web: Process | None = None
        self._processes: list[Process] = []

    def running(self) -> list[Process]:
        """The processes that were started and still run."""
        return [process for process in self._processes if process.poll() is None]

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        run = forge.run(["manage.py", *arguments], self.environment)
        if check:
            assert run.returncode == 0, f"{arguments}: {run.stdout}{run.stderr}"
        return run

    def create_topics(self) -> None:
        """Make its topics as the command of that name does, in this process."""
        names = ("KAFKA_TOPIC", "KAFKA_DEAD_LETTER_TOPIC")
        told = {name: self.environment[name] for name in names}
        count = int(self.environment["KAFKA_PARTITIONS"])
        with override_settings(**told, KAFKA_PARTITIONS=count):
            ensure_topics(Endpoint("external", self.environment["KAFKA_BOOTSTRAP_SERVERS"]))

    def follow(self, topic: str) -> None:
        """Have the topics of another portal instead of its own."""
        self.topic = topic
        self.environment |= {"KAFKA_TOPIC": topic, "KAFKA_DEAD_LETTER_TOPIC": f"{topic}.dead"}

    def python(self, code: str) -> str:
        """Run ``code`` with Django set up and give what it printed."""
        ran = forge.run(["-c", textwrap.dedent(code)], self.environment)
        assert ran.returncode == 0, f"{code}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def start(self, *arguments: str) -> Forked:
        """Start a management command; its output goes to a file named after it."""
        return self.fork(arguments[0], "manage.py", *arguments)

    def fork(self, name: str, *words: str, pass_fds: Sequence[int] = ()) -> Forked:
        """Fork what Python does with ``words``; its output goes to a file named ``name``."""
        with (self.logs / f"{name}.log").open("ab") as output:
            process = forge.start(
                words, self.environment, stdout=output, stderr=output, pass_fds=pass_fds
            )
        self._processes.append(process)
        return process

    def spawn(self, name: str, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start Python with ``words``, as a user does; its output goes to a file named ``name``."""
        with (self.logs / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
                **more,
            )
        self._processes.append(process)
        return process

    def serve(self, *before: str) -> str:
        """Start the web server, again on the same port if it ran before; give its address.

        ``before`` are the words that run Daphne, where it is not run as it is.
        """
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = int(self.url.rpartition(":")[2]) if self.url else 0
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.web = self.fork(
                "web",
                *(before or ("-c", _DAPHNE)),
                *("--fd", str(listener.fileno())),
                # A test that is held up answers none in time.
                *("--ping-interval", "600", "bankportal.asgi:application"),
                pass_fds=(listener.fileno(),),
            )
        return self.url

    def answers(self) -> bool:
        """Say whether the web server does."""
        try:
            # A proxy in the environment has no business with this machine.
            opener = build_opener(ProxyHandler({}))
            return opener.open(f"{self.url}/health/live", timeout=2).status == 200
        except OSError:
            return False

    def output_of(self, name: str) -> str:
        """What the processes of that name have printed so far."""
        log = self.logs / f"{name}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Read the portal's database beside its processes."""
        return self.database.query(sql, parameters)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change the portal's database behind its back; give the number of rows."""
        return self.database.execute(sql, parameters)

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The only value that a query gives."""
        return self.query(sql, parameters)[0][0]

    def balance(self, number: str) -> int | None:
        """The account's balance in minor units, or None before it is open."""
        rows = self.query("SELECT balance_minor FROM accounts_balance WHERE account = ?", [number])
        return rows[0][0] if rows else None

    def freeze(self, process: Process) -> None:
        """Stop a process at a moment when it holds no lock on the database."""
        while True:
            process.send_signal(signal.SIGSTOP)
            wait_until(
                lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it stands"
            )
            if self.database.is_free():
                return
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)

    def close(self) -> None:
        """End every process that was started and still runs."""
        for process in self.running():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        if self._has_own_database:
            self.database.remove()
