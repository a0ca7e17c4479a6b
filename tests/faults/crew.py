"""The processes of a bank in a long run: each in its role, started again whenever it ended."""

import signal
from collections import Counter
from collections.abc import Callable
from subprocess import Popen

from streaming.embedded.ports import free_port
from tests.faults.bank import Bank, java_of
from tests.processes import wait_until

CONSUMERS = ("consumer", "second consumer")
_LOGS = {"consumer": "run_consumer", "second consumer": "run_consumer", "relay": "run_relay"}


class Crew:
    """One process a role. Whoever ends without having been made to is a discrepancy."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.restarts: Counter[str] = Counter()
        self._running: dict[str, Popen[bytes]] = {}
        self._doomed: set[str] = set()
        port = str(free_port(0))
        self._starts: dict[str, Callable[[], Popen[bytes]]] = {
            "broker": lambda: bank.start("run_broker", "--port", port),
            "consumer": lambda: bank.consume("--member", "one"),
            "second consumer": bank.consume,
            "relay": bank.relay,
            "web": self._serve,
        }

    def start(self, *roles: str) -> None:
        """Start those who do not run."""
        for role in roles or tuple(self._starts):
            if role not in self._running:
                self._running[role] = self._starts[role]()
                self.restarts[role] += 1

    def start_faulty(self, role: str, fault: dict) -> None:
        """Let one work until it is struck by ``fault``; see ``tests.faults.faulty``."""
        self._doomed.add(role)
        self._running[role] = self.bank.start_faulty(fault, _LOGS[role])

    def start_to_freeze(self, role: str, fault: dict) -> Callable[[], None]:
        """Let one work until ``fault`` freezes it; give what lets it go on, if it did."""
        self.start_faulty(role, fault)
        process = self._running[role]
        return lambda: process.send_signal(signal.SIGCONT)

    def runs(self, role: str) -> bool:
        """Say whether somebody has that role."""
        return role in self._running

    def kill(self, role: str) -> None:
        """End one as a crash does; of the broker, the Kafka itself."""
        process = self._running.pop(role)
        self._doomed.discard(role)
        if role == "broker" and (java := java_of(process)):
            java.kill()
        else:
            process.kill()
        process.wait(60)

    def ask_to_stop(self, role: str) -> None:
        """End one in order."""
        process = self._running.pop(role)
        is_doomed = role in self._doomed
        self._doomed.discard(role)
        process.terminate()
        if is_doomed:
            wait_until(lambda: _has_ended(process), "it ends")
        code = process.wait(60)
        # By the signal itself only who has not come as far as to listen to it.
        assert code in {0, -signal.SIGTERM} or is_doomed, self._end_of(role, code)

    def freeze(self, role: str) -> Callable[[], None]:
        """Stop one where it is; give what lets it go on."""
        process = self._running[role]
        if role == "broker" and (java := java_of(process)):
            java.suspend()
            return lambda: java.resume() if java.is_running() else None
        process.send_signal(signal.SIGSTOP)
        return lambda: process.send_signal(signal.SIGCONT)

    def look(self) -> None:
        """Start who was struck again, and refuse any other end."""
        for role, process in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            assert role in self._doomed, self._end_of(role, code)
            assert code == -signal.SIGKILL, self._end_of(role, code)
            self._doomed.discard(role)
            del self._running[role]
            self.start(role)

    def heal(self) -> None:
        """Have everybody at work, and nobody doomed."""
        self.look()
        for role in list(self._doomed):
            self.kill(role)
        self.start()
        wait_until(lambda: self.bank.endpoint, "the broker runs")
        wait_until(self.bank.answers, "the web server answers")

    def _serve(self) -> Popen[bytes]:
        self.bank.serve()
        return self.bank.web

    def _end_of(self, role: str, code: int) -> str:
        said = self.bank.output_of(_LOGS.get(role, "web" if role == "web" else "run_broker"))
        return f"The {role} ended by itself with exit code {code}: {said[-3_000:]}"


def _has_ended(process: Popen[bytes]) -> bool:
    # It may freeze only now; to one that has ended nothing is sent.
    process.send_signal(signal.SIGCONT)
    return process.poll() is not None
