"""Records what was refused and what failed, in bounds: nobody fills the log by trying again."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils.crypto import salted_hmac

from accounts.client_address import network_of
from accounts.models import Act, Agent, AuditOutcome
from accounts.origin import current_origin
from accounts.services.audit import Deed, about_agent, record_alone

# The same again within this time is one run: its 1st, 2nd, 4th, 8th, … time is recorded.
SAME_WITHIN_S: Final = 60.0
# Runs that one source may begin at once, and how long until it may begin one more.
AT_ONCE: Final = 20
ONE_EACH_S: Final = 10.0
MOST_SOURCES: Final = 10_000


@dataclass(slots=True)
class _Run:
    last_at: float
    times: int = 0


@dataclass(slots=True)
class _Source:
    allowance: float
    filled_at: float
    runs: dict[str, _Run] = field(default_factory=dict)


class Floods:
    """Counts what comes again and again, by where it comes from. For any thread.

    Of a flood of whatever length it lets through a number of records that grows with the
    logarithm of its length, and beyond the runs that a source may begin at once one each
    ``ONE_EACH_S``. Each web process counts for itself.
    """

    # Everything beyond what a source may begin is one run, whatever it is.
    _REST: Final = ""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    def count(self, source: str, what: str) -> int:
        """Count one more; give how many there were in its run if that is to be recorded, else 0."""
        with self._lock:
            return self._counted(source, what, time.monotonic())

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._sources.clear()

    def _counted(self, source: str, what: str, now: float) -> int:
        known = self._sources.pop(source, None) or _Source(AT_ONCE, now)
        self._sources[source] = known
        if len(self._sources) > MOST_SOURCES:
            self._sources.popitem(last=False)
        gained = (now - known.filled_at) / ONE_EACH_S
        known.allowance, known.filled_at = min(known.allowance + gained, AT_ONCE), now
        known.runs = {
            name: run for name, run in known.runs.items() if now - run.last_at < SAME_WITHIN_S
        }
        run = known.runs.get(what)
        if run is None:
            is_allowed = known.allowance >= 1
            known.allowance -= is_allowed
            run = known.runs.setdefault(what if is_allowed else self._REST, _Run(now))
        run.last_at, run.times = now, run.times + 1
        is_power_of_two = run.times & (run.times - 1) == 0
        return run.times if is_power_of_two else 0


floods: Final = Floods()


def record_refusal(deed: Deed, *, by: Agent) -> None:
    """Record that an agent was refused something.

    The same again, and very much at once, is counted: the record says how many ``times``.
    """
    about = deed.about
    what = f"{deed.act} {about.kind} {about.id}" if about else deed.act
    _record(replace(deed, outcome=AuditOutcome.REFUSED), f"agent {by.pk}", what, by=by)


def record_failed_sign_in(
    typed: str, *, reason: str, outcome: AuditOutcome = AuditOutcome.FAILED
) -> None:
    """Record that somebody could not sign in, in the bounds of ``record_refusal``.

    A name is kept only where it is an agent's: somebody may have typed a password in its place.
    Of any other text a mark is kept, by which this portal alone can tell the same one again.
    """
    _record_at_the_door(Act.SIGN_IN, typed, {"reason": reason}, outcome)


def record_lock_out(typed: str) -> None:
    """Record that sign-in is locked for a name, as ``record_failed_sign_in`` records a name."""
    _record_at_the_door(Act.LOCK_OUT, typed, {}, AuditOutcome.REFUSED)


def mark_of(text: str) -> str:
    """Give a short mark of a text, from which nobody without this portal's key learns it."""
    return salted_hmac("accounts.audit.unknown_name", text).hexdigest()[:12]


def _record_at_the_door(
    act: Act, typed: str, after: dict[str, object], outcome: AuditOutcome
) -> None:
    name = typed.replace("\0", "")
    agent = Agent.objects.filter(username__iexact=name).first() if name else None
    if agent is None and typed:
        after = {**after, "unknown_name": mark_of(typed)}
    about = about_agent(agent) if agent else None
    deed = Deed(act=act, about=about, after=after, outcome=outcome)
    # Of an agent by itself, as failures are counted: else names of nobody would hide a lock-out.
    whose = f"agent {agent.pk} at " if agent else ""
    source = f"{whose}address {network_of(current_origin().address)}"
    _record(deed, source, f"{act} {after}", by=None)


def _record(deed: Deed, source: str, what: str, *, by: Agent | None) -> None:
    times = floods.count(source, what)
    if times > 1:
        deed = replace(deed, after={**(deed.after or {}), "times": times})
    if times:
        record_alone(deed, by=by)
