"""Keeps the portal's processes running, and ends them in order."""

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from bankportal.child import Child, ChildPlan, in_words
from bankportal.lock_watch import LockWatch
from bankportal.process import EXIT_REFUSED
from streaming.stopping import EXIT_TRY_AGAIN

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
# A child that ran this long before it died starts again with the first delay.
SETTLED_S = 60.0
IDLE_LOOK_S = 1.0
PENDING_LOOK_S = 0.2

Say = Callable[[str, str], None]


class Place:
    """One planned child over its lives: running, waiting to start again, done or given up."""

    def __init__(self, plan: ChildPlan) -> None:
        self.plan = plan
        self.command = plan.command
        self.child: Child | None = None
        self.is_over = False
        self.has_given_up = False
        # To be told once the child works.
        self.notice = ""
        self.starts_at = 0.0
        self._has_said_ready = False
        self._failures = 0
        self._started_at = 0.0

    @property
    def is_pending(self) -> bool:
        """Say whether it is still to be started."""
        return self.child is None and not self.is_over

    @property
    def is_ready(self) -> bool:
        """Say whether it works, or has done what it was to do once."""
        if self.is_over:
            return not self.has_given_up
        return self.child is not None and self._has_said_ready

    def started(self, child: Child, now: float) -> None:
        """Note that it runs."""
        self.child, self._started_at = child, now
        self._has_said_ready = not (self.plan.says_when_ready or self.plan.runs_once)

    def hear(self, line: str) -> None:
        """Note where ``line`` tells that it works."""
        words = self.plan.says_when_ready
        self._has_said_ready = self._has_said_ready or bool(words and words in line)

    def give_up(self) -> None:
        """Note that it is not started again, though it has not done its work."""
        self.is_over = self.has_given_up = True

    def delay_after_failure(self, now: float) -> float:
        """Note that it died, and give how long to wait before the next life."""
        self._failures = 1 if now - self._started_at >= SETTLED_S else self._failures + 1
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (self._failures - 1))
        self.starts_at = now + delay
        return delay


class Supervisor:
    """Runs the children of ``plans`` until asked to stop by SIGINT, SIGTERM or SIGHUP.

    A child that dies is started again, each time a little later; one that exits 78 is not.
    Each child follows a pipe that only this process holds, so that none survives it. Ends
    in the reverse order of the plans. ``keep_open`` are descriptors for every child.
    """

    def __init__(  # noqa: PLR0913 # each is said by name
        self,
        plans: Sequence[ChildPlan],
        *,
        say: Say,
        folder: Path,
        lock_watch: LockWatch | None = None,
        keep_open: tuple[int, ...] = (),
        still_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._places = [Place(plan) for plan in plans]
        self._say = say
        self._folder = folder
        self._lock_watch = lock_watch
        self._still_wanted = still_wanted
        self._stops_asked = 0
        self._exit_code: int | None = None
        self._stranger: int | None = None
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        leash_end, self._leash = os.pipe()
        self._keep_open = (leash_end, *keep_open)

    def run(self) -> int:
        """Block until everything has ended; give the exit code: 0 when asked to stop."""
        self._listen_to_signals()
        while self._exit_code is None:
            self._start_what_is_due()
            self._wait(self._seconds_to_next_look())
            self._bury_the_dead()
            self._end_stuck_holder()
            if self._stops_asked or not self._still_wanted():
                self._exit_code = 0
        self._end_all()
        return self._exit_code

    def missing(self) -> list[str]:
        """Name those that do not work yet, or not any more. May be called from another thread."""
        return [place.plan.name for place in self._places if not place.is_ready]

    def stopped(self) -> list[str]:
        """Name those that stopped on purpose. May be called from another thread."""
        return [place.plan.name for place in self._places if place.has_given_up]

    def wake(self) -> None:
        """Let the loop look at once. May be called from another thread or a signal."""
        with suppress(BlockingIOError):
            self._waker.send(b".")

    def _listen_to_signals(self) -> None:
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup, the end of the terminal is not to be the end of the portal.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: self.wake())

    def _on_stop_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stops_asked += 1
        self.wake()

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if self._is_due(place, now):
                child = Child(
                    place.command,
                    folder=self._folder,
                    keep_open=(*self._keep_open, *place.plan.keep_open),
                )
                self._selector.register(child.output, selectors.EVENT_READ, place)
                place.started(child, now)

    def _is_due(self, place: Place, now: float) -> bool:
        return (
            place.is_pending
            and now >= place.starts_at
            and all(other.is_over for other in self._places if other.plan.name in place.plan.after)
            and place.plan.may_start()
        )

    def _wait(self, seconds: float) -> None:
        """Wait for a child's words, a signal or the time, and pass the words on."""
        for key, _events in self._selector.select(seconds):
            if key.data is None:
                with suppress(BlockingIOError):
                    self._woken.recv(4096)
            else:
                self._pass_on(key.data)

    def _pass_on(self, place: Place) -> None:
        if place.child:
            for line in place.child.new_lines():
                self._say(place.plan.name, line)
                place.hear(line)
            self._tell_notice(place)
            if place.child.has_closed_output:
                self._selector.unregister(place.child.output)

    def _tell_notice(self, place: Place) -> None:
        if place.notice and place.is_ready:
            for line in place.notice.splitlines():
                self._say("portal", line)
            place.notice = ""

    def _seconds_to_next_look(self) -> float:
        looks = [IDLE_LOOK_S]
        if any(place.is_pending for place in self._places):
            looks.append(PENDING_LOOK_S)
        if self._lock_watch:
            looks.append(self._lock_watch.seconds_to_next_look)
        return min(looks)

    def _bury_the_dead(self) -> None:
        for place in self._places:
            if place.child and (code := place.child.exit_code()) is not None:
                last_line = self._forget_child(place, place.child)
                self._decide(place, code, last_line)

    def _forget_child(self, place: Place, child: Child) -> str:
        if not child.has_closed_output:
            self._selector.unregister(child.output)
        for line in child.last_words():
            self._say(place.plan.name, line)
        place.child = None
        return child.last_line

    def _decide(self, place: Place, code: int, last_line: str) -> None:
        plan = place.plan
        if code == 0 and plan.runs_once:
            self._finish(place)
        elif code in plan.fallbacks and place.command == plan.command:
            place.command = plan.fallbacks[code].command
            place.notice = plan.fallbacks[code].notice
        elif code == EXIT_REFUSED or code in plan.final_codes:
            place.give_up()
            self._say("portal", f"{plan.name} stopped on purpose and is not started again.")
            self._say("portal", f"It said: {last_line.removeprefix('CommandError: ')}")
            if plan.is_vital:
                self._exit_code = EXIT_REFUSED
        else:
            self._start_later(place, _what_happened(plan, code))

    def _finish(self, place: Place) -> None:
        try:
            place.plan.when_done()
        except OSError as reason:
            # Unless it is noted that it is done, the next run does it once more.
            self._start_later(place, f"{place.plan.name} is done, and cannot note it ({reason})")
        else:
            place.is_over = True

    def _start_later(self, place: Place, why: str) -> None:
        delay = place.delay_after_failure(time.monotonic())
        self._say("portal", f"{why}; starting it again in {delay:.0f} s.")

    def _end_stuck_holder(self) -> None:
        stuck = self._lock_watch and self._lock_watch.stuck_holder(time.monotonic())
        if not stuck:
            return
        for place in self._places:
            if place.child and place.child.has(stuck):
                self._say(
                    "portal",
                    f"{place.plan.name} has blocked the database without a pause; ending it.",
                )
                place.child.kill()
                return
        if stuck != self._stranger:
            self._stranger = stuck
            self._say(
                "portal",
                f"Process {stuck}, which is none of ours, blocks the database: nothing can be "
                "posted or submitted until it is ended.",
            )

    def _end_all(self) -> None:
        asked = self._stops_asked
        for place in reversed(self._places):
            if place.child:
                self._end(place, place.child, asked)
        self._selector.close()

    def _end(self, place: Place, child: Child, stops_asked_before: int) -> None:
        child.ask_to_end()
        deadline = time.monotonic() + place.plan.grace_s
        while child.exit_code() is None:
            if self._stops_asked > stops_asked_before or time.monotonic() > deadline:
                self._say("portal", f"Killing {place.plan.name}.")
                self._kill(self._places if self._stops_asked > stops_asked_before else [place])
                deadline = float("inf")
                stops_asked_before = self._stops_asked
            self._wait(PENDING_LOOK_S)
        self._forget_child(place, child)

    def _kill(self, places: Iterable[Place]) -> None:
        for place in places:
            if place.child:
                place.child.kill()


def _what_happened(plan: ChildPlan, code: int) -> str:
    if code == EXIT_TRY_AGAIN:
        return f"{plan.name} cannot go on for now, as it says above"
    what = "did not succeed" if plan.runs_once else "ended unexpectedly"
    return f"{plan.name} {what} ({in_words(code)})"
