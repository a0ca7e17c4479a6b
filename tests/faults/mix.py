"""A random mix of all faults under load: ``make faults DURATION=600 SEED=1``.

From a seed it kills, freezes, restarts, rewinds, locks and poisons a bank of real processes on a
Kafka of its own, while agents and another system keep it busy; then it lets everything heal and
drain, and holds the bank to the seven invariants. Exit code 0, or 1 with what differs.
"""

import faulthandler
import heapq
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tests.faults.seeds import Chances

# A minute of these is some dozens of faults, several at a time.
_BETWEEN_S = (0.1, 1.5)
_DRAIN_S = 300.0
# What opening, healing, draining and checking may take beside the duration.
_REST_S = 900


class Mix:
    """The faults, and what they came to."""

    def __init__(self, bank, chances: Chances) -> None:
        from tests.faults.crew import Crew, each_once
        from tests.faults.load import Load

        self.bank = bank
        self.chances = chances
        self.crew = Crew(bank, each_once(bank))
        self.load = Load(bank, chances)
        self.injected: Counter[str] = Counter()
        self._due: list[tuple[float, int, bool, Callable[[], None]]] = []
        self._number = count()

    def run(self, duration_s: float) -> None:
        """Open the bank, break it for so long, let it heal, and hold it to the invariants."""
        self._open()
        deadline = time.monotonic() + duration_s
        self.load.start()
        try:
            while time.monotonic() < deadline:
                self._inject()
                self._wait(self.chances.uniform(*_BETWEEN_S))
            self._heal()
        finally:
            self.load.stop()
        self._check()

    def report(self) -> dict[str, object]:
        """Give what happened, for people and programs."""
        columns = ("posted", "rejected", "dead", "repeats", "refused_batches")
        sums = ", ".join(f"sum({name})" for name in columns)
        [counted] = self.bank.query(f"SELECT {sums} FROM accounts_logposition")
        return {
            "seed": self.chances.number,
            "injections": dict(sorted(self.injected.items())),
            "injections_in_all": sum(self.injected.values()),
            "starts": dict(self.crew.restarts),
            "messages_in_the_log": sum(self.bank.log_ends().values()),
            "ledger": dict(zip(columns, counted, strict=True)),
            "answers_to_tellers": dict(sorted(self.load.answers.items())),
            "acknowledged_submissions": len(self.bank.teller.acknowledged),
            "published_by_others": self.load.published,
            "rows_told_to_dashboards": [len(each.rows) for each in self.bank.dashboards],
            "pages_read_by_dashboards": [each.pages_read for each in self.bank.dashboards],
        }

    def _open(self) -> None:
        from tests.faults.bank import ACCOUNTS

        self.crew.start("broker")
        self.bank.create_topics()
        self.crew.start()
        for _ in range(2):
            self.bank.watch().watches()
        self.bank.open_accounts(*ACCOUNTS, least_balance_minor=-1_000)

    def _inject(self) -> None:
        faults = (
            self._kill,
            self._kill,
            self._freeze,
            self._freeze,
            self._freeze_with_a_batch,
            self._strike_at_a_point,
            self._strike_at_a_point,
            self._restart_in_order,
            self._rewind,
            self._lock_the_database,
            self._poison,
            self._repeat,
            self._use_an_id_again,
            self._send_a_browser_away,
        )
        self.chances.choice(faults)()
        self.crew.look()
        assert not self.load.failures, self.load.failures

    def _kill(self) -> None:
        roles = ("consumer", "second consumer", "relay", "web", "broker")
        role = self.chances.choices(roles, (4, 3, 4, 2, 1))[0]
        if self.crew.runs(role):
            self.crew.kill(role)
            self._note(f"kill -9 of the {role}")
            self._later(self.chances.uniform(0, 2), lambda: self.crew.start(role))

    def _freeze(self) -> None:
        roles = ("consumer", "second consumer", "relay", "web", "broker")
        role = self.chances.choices(roles, (5, 3, 3, 1, 1))[0]
        # A consumer is given up by its group after six seconds.
        seconds = self.chances.choice((0.2, 1, 3, 9))
        if self.crew.runs(role):
            self._note(f"freeze of the {role}")
            self._later(seconds, self.crew.freeze(role))

    def _freeze_with_a_batch(self) -> None:
        role = "second consumer"
        if self.crew.runs(role):
            self.crew.kill(role)
            fault = {"point": "consumer before BEGIN", "signal": "SIGSTOP"}
            go_on = self.crew.start_to_freeze(role, fault)
            self._note("freeze of the consumer before BEGIN")
            # Its start, its batches, and the six seconds until its group gives it up. It holds
            # no lock meanwhile, so that nothing else has to wait for it.
            self._later(self.chances.uniform(9, 15), go_on, may_wait=True)

    def _strike_at_a_point(self) -> None:
        from tests.faults.faulty import POINTS

        role = self.chances.choice(("second consumer", "relay"))
        kind = role.split()[-1]
        point = self.chances.choice([each for each in POINTS if each.startswith(kind)])
        if self.crew.runs(role):
            self.crew.kill(role)
            self.crew.start_faulty(role, {"point": point, "turn": self.chances.randint(1, 5)})
            self._note(f"kill -9 of the {point}")
            self._later(self.chances.uniform(2, 6), lambda: self.crew.start(role))

    def _restart_in_order(self) -> None:
        role = self.chances.choice(("consumer", "second consumer", "relay"))
        if self.crew.runs(role):
            self._go_on_all()
            self.crew.ask_to_stop(role)
            self._note(f"restart of the {role}")
            self._later(self.chances.uniform(0, 1), lambda: self.crew.start(role))

    def _rewind(self) -> None:
        from tests.faults.crew import CONSUMERS

        self._go_on_all()
        for role in CONSUMERS:
            if self.crew.runs(role):
                self.crew.kill(role)
        back = self.chances.randint(1, 3_000)
        self.bank.execute(
            "UPDATE accounts_logposition SET next_offset = "
            "CASE WHEN next_offset > ? THEN next_offset - ? ELSE 0 END",
            [back, back],
        )
        self._note("next offsets set back")
        self.crew.start(*CONSUMERS)

    def _lock_the_database(self) -> None:
        lock = self.bank.database.locked()
        # One that is frozen may hold the lock itself.
        self._go_on_all()
        lock.__enter__()
        self._note("database locked")
        seconds = self.chances.choice((0.5, 2, 2, 12))
        self._later(seconds, lambda: lock.__exit__(None, None, None))

    def _poison(self) -> None:
        from tests.faults.load import poison_for

        messages = [poison_for(self.chances) for _ in range(self.chances.randint(1, 4))]
        self.load.also_publish(*messages)
        self._note("poison", len(messages))

    def _repeat(self) -> None:
        from tests.builders import encode

        if self.load.recent:
            self.load.also_publish(encode(self.chances.choice(list(self.load.recent))))
            self._note("repeated message")

    def _use_an_id_again(self) -> None:
        from tests.builders import encode, submitted

        if self.load.recent:
            known = self.chances.choice(list(self.load.recent))
            other = submitted(777, account=known.account, transaction_id=known.transaction_id)
            self.load.also_publish(encode(other))
            self._note("id used again")

    def _send_a_browser_away(self) -> None:
        dashboard = self.chances.choice(self.bank.dashboards)
        if dashboard.is_present:
            dashboard.leave()
            self._note("browser away")
            self._later(self.chances.uniform(0.1, 5), dashboard.come_back)

    def _note(self, what: str, times: int = 1) -> None:
        self.injected[what] += times

    def _later(self, seconds: float, act: Callable[[], None], *, may_wait: bool = False) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._number), may_wait, act))

    def _wait(self, seconds: float) -> None:
        """Let time pass, and do what is due meanwhile."""
        end = time.monotonic() + seconds
        while self._due and self._due[0][0] <= end:
            at, _number, _may_wait, act = heapq.heappop(self._due)
            time.sleep(max(0.0, at - time.monotonic()))
            act()
        time.sleep(max(0.0, end - time.monotonic()))

    def _go_on_all(self) -> None:
        """Undo at once what would be undone later, but for what stands in nobody's way."""
        due = [each for each in sorted(self._due) if not each[2]]
        self._due = [each for each in self._due if each[2]]
        heapq.heapify(self._due)
        for _at, _number, _may_wait, act in due:
            act()

    def _heal(self) -> None:
        self._go_on_all()
        self.crew.heal()

    def _check(self) -> None:
        from django.core.management import get_commands

        from tests.faults.invariants import check_all

        assert sum(self.injected.values()) > 0, "nothing was injected"
        self.load.check_answers()
        self.bank.settles(_DRAIN_S)
        for role in ("consumer", "second consumer", "relay"):
            self.crew.ask_to_stop(role)
        check_all(self.bank)
        if "verify_ledger" in get_commands():
            self.bank.manage("verify_ledger")


def _give_up(_number: int, _frame: object) -> None:
    faulthandler.dump_traceback()
    raise TimeoutError("The mix stands still; where each thread waits stands above.")


def main() -> int:
    """Run the mix as the environment says, and print its report."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
    import django

    django.setup()
    from bankportal.prepare import bring_static_files_up_to_date
    from tests.faults.bank import Bank, build_template
    from tests.processes import Portal

    bring_static_files_up_to_date()
    duration_s = float(os.environ.get("DURATION") or 600)
    folder = Path(tempfile.mkdtemp(prefix="bankportal-faults-"))
    chances = Chances.drawn()
    empty, template = folder / "empty", folder / "template"
    empty.mkdir()
    Portal(empty, "").manage("migrate", "-v0")
    build_template(template, empty)
    bank = Bank(folder / "bank", template)
    mix = Mix(bank, chances)
    # A mix that stands still is a failure too, and nobody's night.
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(int(duration_s) + _REST_S)
    try:
        mix.run(duration_s)
    except BaseException:
        print(f"The bank is left in {folder}; SEED={chances.number} chooses the same faults again.")
        raise
    else:
        print(json.dumps(mix.report() | {"duration_s": duration_s, "discrepancies": 0}, indent=2))
    finally:
        signal.alarm(0)
        bank.close()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
