"""Which processes make up a running portal, in the order in which they start."""

import socket
import sys
from pathlib import Path

from django.conf import settings

from bankportal.child import ChildPlan, Fallback
from bankportal.data_files import demo_loaded_path, history_due_path
from streaming.embedded import EXIT_JARS_NOT_AVAILABLE, EXIT_LEDGER_IN_MEMORY
from streaming.endpoint import current_endpoint

# Kafka writes its log out and closes it; see the broker's own grace.
BROKER_GRACE_S = 35.0

MEMORY_NOTICE = """
************************************************************************
*  MEMORY MODE: Apache Kafka could not be had (the reason is above).   *
*  A stand-in keeps messages in memory and forgets them at exit. The   *
*  ledger is kept. Good for a look, never for a bank.                  *
*  For the real one: see that the network works, and start again.      *
************************************************************************
"""


STILL_MEMORY_NOTICE = """
************************************************************************
*  MEMORY MODE: this DATA_DIR began in memory mode and goes on in it.  *
*  A stand-in keeps messages in memory and forgets them at exit. The   *
*  ledger is kept. Good for a look, never for a bank.                  *
*  For a real Kafka: start with another DATA_DIR.                      *
************************************************************************
"""


def portal_plans(listener: socket.socket, *, is_demo: bool) -> list[ChildPlan]:
    """Plan the portal's processes. They end in the reverse order."""
    broker = [] if settings.KAFKA_BOOTSTRAP_SERVERS else [_broker()]
    return [
        *broker,
        _topics(),
        ChildPlan(
            "consumer",
            _manage("run_consumer", "--member", "make-run", *_metrics_port(1)),
            says_when_ready="Posting from",
        ),
        ChildPlan(
            "relay", _manage("run_relay", *_metrics_port(2)), says_when_ready="Publishing to"
        ),
        *_history(),
        *(_demo() if is_demo else []),
        _web(listener),
    ]


def _broker() -> ChildPlan:
    in_memory = _manage("run_broker", "--memory")
    return ChildPlan(
        "broker",
        _manage("run_broker"),
        says_when_ready=" is ready at ",
        fallbacks={
            EXIT_JARS_NOT_AVAILABLE: Fallback(in_memory, MEMORY_NOTICE),
            EXIT_LEDGER_IN_MEMORY: Fallback(in_memory, STILL_MEMORY_NOTICE),
        },
        grace_s=BROKER_GRACE_S,
    )


def _topics() -> ChildPlan:
    return ChildPlan(
        "topics",
        _manage("create_topics", "--wait"),
        runs_once=True,
        may_start=lambda: current_endpoint() is not None,
    )


def _history() -> list[ChildPlan]:
    due = history_due_path(settings.DATA_DIR)
    if not due.exists():
        return []
    return [
        ChildPlan(
            "history",
            _manage("import_transactions", str(settings.HISTORY_FILE)),
            runs_once=True,
            after=("topics",),
            # The file wants a person's look: what is wrong with it stays wrong.
            final_codes=frozenset({1}),
            when_done=lambda: due.unlink(missing_ok=True),
        )
    ]


def _demo() -> list[ChildPlan]:
    loaded = demo_loaded_path(settings.DATA_DIR)
    load = ChildPlan(
        "demo",
        _manage("load_demo"),
        runs_once=True,
        after=("topics", "history"),
        when_done=loaded.touch,
    )
    trickle = ChildPlan("trickle", _manage("run_demo_trickle"), after=("topics", "demo"))
    return [trickle] if loaded.exists() else [load, trickle]


def _web(listener: socket.socket) -> ChildPlan:
    return ChildPlan(
        "web",
        (sys.executable, "-m", "bankportal.web", str(listener.fileno())),
        is_vital=True,
        keep_open=(listener.fileno(),),
    )


def _metrics_port(place: int) -> tuple[str, ...]:
    """Give each process a port of its own, the first of which is the web server's."""
    port = settings.METRICS_PORT
    return ("--metrics-port", str(port + place)) if port else ()


def _manage(*words: str) -> tuple[str, ...]:
    return (sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *words)
