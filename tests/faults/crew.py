"""The processes of a bank in a long run: each in its role, started again whenever it ended."""

import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streaming.embedded.ports import free_port
from tests.faults.bank import Bank, java_of
from tests.forked import Forked
from tests.processes import Portal, wait_until

CONSUMERS = ("consumer", "second consumer")


@dataclass(frozen=True)
class Role:
    """What somebody does: a command on the machine ``portal``, or its web server where none."""

    portal: Portal
    words: tuple[str, ...] = ()

    def start(self) -> Forked:
        """Start a process that does it."""
        if self.words:
            return self.portal.start(*self.words)
        self.portal.serve()
        return self.portal.web

    @property
    def said(self) -> str:
        """What all processes of the same command have printed on that machine."""
        return self.portal.output_of(self.words[0] if self.words else "web")


def each_once(bank: Bank) -> dict[str, Role]:
    """Give the roles of a bank that has a broker of its own, and a consumer to spare."""
    return {
        "broker": Role(bank, ("run_broker", "--port", str(free_port(0)))),
        "consumer": Role(bank, ("run_consumer", "--member", "one")),
        "second consumer": Role(bank, ("run_consumer",)),
        "relay": Role(bank, ("run_relay",)),
        "web": Role(bank),
    }


class Crew:
    """One process a role. Whoever ends without having been made to is a discrepancy."""

    def __init__(self, bank: Bank, roles: Mapping[str, Role]) -> None:
        self.bank = bank
        self.roles = roles
        self.restarts: Counter[str] = Counter()
        self._running: dict[str, Forked] = {}
        self._doomed: set[str] = set()

    def start(self, *roles: str) -> None:
        """Start those who do not run."""
        for role in roles or tuple(self.roles):
            if role not in self._running:
                self._running[role] = self.roles[role].start()
                self.restarts[role] += 1

    def start_faulty(self, role: str, fault: dict) -> None:
        """Let one work until it is struck by ``fault``; see ``tests.faults.faulty``."""
        self._doomed.add(role)
        self._running[role] = self.bank.start_faulty(fault, *self.roles[role].words)

    def start_to_freeze(self, role: str, fault: dict) -> Callable[[], None]:
        """Let one work until ``fault`` freezes it; give what lets it go on, if it did."""
        self.start_faulty(role, fault)
        process = self._running[role]
        return lambda: process.send_signal(signal.SIGCONT)

    def runs(self, role: str) -> bool:
        """Say whether somebody has that role."""
        return role in self._running

    def role_of(self, pid: int) -> str:
        """Say what a process does that was started as it is."""
        return next(role for role, process in self._running.items() if process.pid == pid)

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

    def _end_of(self, role: str, code: int) -> str:
        said = self.roles[role].said[-3_000:]
        return f"The {role} ended by itself with exit code {code}: {said}"


def _has_ended(process: Forked) -> bool:
    # It may freeze only now; to one that has ended nothing is sent.
    process.send_signal(signal.SIGCONT)
    return process.poll() is not None
