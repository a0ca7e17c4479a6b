"""A supervisor under test, in a process of its own: ``python -m tests.site.supervised PLAN``.

The plan is a JSON file: ``children``, each with the code it runs under Python, and
optionally a ``database`` to watch.
"""

import json
import sys
from pathlib import Path
from typing import Any

from bankportal.child import ChildPlan, Fallback
from bankportal.lock_watch import LockWatch
from bankportal.supervisor import Supervisor

# What each child does first, as every process of the portal does.
ON_A_LEASH = "from bankportal.leash import follow_supervisor; follow_supervisor()\n"


def main() -> int:
    plan = json.loads(Path(sys.argv[1]).read_text())
    database = plan.get("database")
    return Supervisor(
        [planned(**child) for child in plan["children"]],
        say=say,
        folder=Path.cwd(),
        lock_watch=LockWatch(Path(database)) if database else None,
    ).run()


def say(name: str, line: str) -> None:
    sys.stdout.write(f"{name}: {line}\n")
    sys.stdout.flush()


def planned(
    name: str, code: str, fallbacks: dict[str, str] | None = None, **more: Any
) -> ChildPlan:
    return ChildPlan(
        name,
        command(code),
        fallbacks={
            int(number): Fallback(command(instead), "Something else runs instead.")
            for number, instead in (fallbacks or {}).items()
        },
        after=tuple(more.pop("after", ())),
        final_codes=frozenset(more.pop("final_codes", ())),
        **more,
    )


def command(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", ON_A_LEASH + code)


if __name__ == "__main__":
    sys.exit(main())
