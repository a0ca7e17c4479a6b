import re
import signal
import textwrap
import time
from typing import cast

import psutil
import pytest

from bankportal.child import Child, ChildPlan
from bankportal.supervisor import Place
from tests.processes import DEAF_LIKE_NOHUP, wait_until
from tests.site.conftest import are_gone

SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(600)"
# Ends in order, and says when it is asked to.
POLITE = textwrap.dedent("""
    import signal, sys, time
    def leave(*_):
        print("leaving", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, leave)
    print("up", flush=True)
    time.sleep(600)
""")
DEAF = textwrap.dedent("""
    import signal, time
    signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
    print("up", flush=True)
    time.sleep(600)
""")


def child(name, code, **more):
    return {"name": name, "code": code, **more}


def test_every_line_of_a_child_is_told_with_its_name(supervise):
    supervisor = supervise(child("one", "print('hello\\nagain')\nimport time; time.sleep(600)"))

    supervisor.wait_for("one: hello\none: again\n")


def test_a_child_that_dies_is_started_again_each_time_later(supervise):
    supervisor = supervise(child("one", "import sys; print('alas'); sys.exit(3)"))

    supervisor.wait_for("starting it again in 4 s")

    delays = re.findall(r"one ended unexpectedly \(exit code 3\); .* in (\d+) s", supervisor.said)
    assert delays == ["1", "2", "4"]


def test_a_restart_waits_for_its_delay(supervise):
    supervisor = supervise(child("one", "import sys; print('alas'); sys.exit(3)"))
    supervisor.wait_for("again in 2 s")
    since = time.monotonic()

    supervisor.wait_for("again in 4 s")

    assert 1.5 < time.monotonic() - since < 10


def test_a_killed_child_is_started_again_and_the_signal_named(supervise):
    supervisor = supervise(child("one", SLEEP))
    supervisor.wait_for("one: up")
    supervisor.descendants()[0].kill()

    supervisor.wait_for("killed by SIGKILL")

    wait_until(lambda: supervisor.said.count("one: up") == 2, "it is up again")


def test_a_child_that_stopped_on_purpose_is_left_alone_and_the_rest_goes_on(supervise):
    supervisor = supervise(
        child("one", "import sys; print('The topic is another one.'); sys.exit(78)"),
        child("other", SLEEP),
    )

    supervisor.wait_for("It said: The topic is another one.")

    # Longer than the first delay of a restart.
    deadline = time.monotonic() + 2.5
    wait_until(lambda: time.monotonic() > deadline, "a restart would have come")
    assert supervisor.said.count("one: The topic is another one.") == 1
    assert "starting it again" not in supervisor.said
    assert len(supervisor.descendants()) == 1


def test_what_starting_again_does_not_mend_is_said_once_and_holds_up_nobody(supervise):
    supervisor = supervise(
        child("history", "print('line 3'); raise SystemExit(1)", runs_once=True, final_codes=[1]),
        child("next", "print('after'); import time; time.sleep(600)", after=["history"]),
    )

    supervisor.wait_for("It said: line 3")
    supervisor.wait_for("next: after")

    assert "starting it again" not in supervisor.said


def test_nothing_goes_on_without_a_vital_child(supervise):
    supervisor = supervise(
        child("other", POLITE), child("web", "raise SystemExit(78)", is_vital=True)
    )

    assert supervisor.ended() == 78


def test_what_runs_once_is_not_started_again_and_lets_the_next_one_start(supervise):
    supervisor = supervise(
        child("second", "print('after'); import time; time.sleep(600)", after=["first"]),
        child("first", "import time; time.sleep(0.5); print('before')", runs_once=True),
    )

    supervisor.wait_for("second: after")

    assert supervisor.said.index("first: before") < supervisor.said.index("second: after")
    assert supervisor.said.count("first: before") == 1


def test_an_exit_code_can_lead_to_something_else(supervise):
    supervisor = supervise(
        child("broker", "raise SystemExit(69)", fallbacks={"69": "print('memory')\n" + SLEEP})
    )

    supervisor.wait_for("broker: memory")

    supervisor.wait_for("Something else runs instead.")
    assert "unexpectedly" not in supervisor.said


def test_that_something_else_runs_is_said_only_once_it_works(supervise):
    refused = "print('refused', flush=True); raise SystemExit(78)"
    supervisor = supervise(
        child(
            "broker",
            "raise SystemExit(69)",
            fallbacks={"69": refused},
            says_when_ready=" is ready at ",
        )
    )

    supervisor.wait_for("It said: refused")

    assert "Something else runs instead." not in supervisor.said


def test_something_else_that_fails_in_the_same_way_is_started_again_with_a_delay(supervise):
    supervisor = supervise(
        child(
            "broker",
            "raise SystemExit(69)",
            fallbacks={"69": "import sys; sys.exit(69)"},
            says_when_ready=" is ready at ",
        )
    )

    supervisor.wait_for("starting it again in 2 s")

    assert "Something else runs instead." not in supervisor.said


def test_a_child_works_when_it_says_so_and_what_runs_once_when_it_is_done():
    plan = ChildPlan("relay", (), says_when_ready="Publishing to")
    relay, topics = Place(plan), Place(ChildPlan("topics", (), runs_once=True))
    web, history = Place(ChildPlan("web", ())), Place(ChildPlan("history", (), runs_once=True))
    states = [[place.is_ready for place in (relay, topics, web, history)]]

    for place in (relay, topics, web, history):
        place.started(cast("Child", object()), now=0.0)
    relay.hear("Waiting for Kafka")
    states.append([place.is_ready for place in (relay, topics, web, history)])
    relay.hear("INFO streaming.relay: Publishing to submissions at localhost:9092.")
    topics.is_over = True
    history.give_up()
    states.append([place.is_ready for place in (relay, topics, web, history)])

    assert states == [
        [False, False, False, False],
        [False, False, True, False],
        [True, True, True, False],
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_the_children_in_reverse_order_and_exits_0(supervise, number):
    supervisor = supervise(child("broker", POLITE), child("relay", POLITE), child("web", POLITE))
    wait_until(lambda: supervisor.said.count(": up") == 3, "all are up")

    supervisor.signal(number)

    assert supervisor.ended() == 0
    left = re.findall(r"(\w+): leaving", supervisor.said)
    assert left == ["web", "relay", "broker"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_heard_in_the_background_of_a_script_too(supervise, number):
    supervisor = supervise(child("relay", POLITE), before=DEAF_LIKE_NOHUP)
    supervisor.wait_for("relay: up")

    supervisor.signal(number)

    assert supervisor.ended() == 0
    assert "relay: leaving" in supervisor.said


def test_under_nohup_the_end_of_the_terminal_ends_nothing(supervise):
    supervisor = supervise(child("relay", POLITE), before=DEAF_LIKE_NOHUP)
    supervisor.wait_for("relay: up")

    supervisor.signal(signal.SIGHUP)
    supervisor.descendants()[0].kill()

    wait_until(lambda: supervisor.said.count("relay: up") == 2, "it starts the relay again")


def test_a_ctrl_c_of_the_terminal_reaches_the_supervisor_alone(supervise):
    supervisor = supervise(child("broker", POLITE), child("web", SLEEP))
    wait_until(lambda: supervisor.said.count(": up") == 2, "both are up")

    supervisor.ctrl_c()

    assert supervisor.ended() == 0
    assert "KeyboardInterrupt" not in supervisor.said


def test_a_second_stop_kills(supervise):
    supervisor = supervise(child("one", DEAF), child("other", DEAF))
    wait_until(lambda: supervisor.said.count(": up") == 2, "both are up")
    children = supervisor.descendants()
    supervisor.signal(signal.SIGINT)
    supervisor.wait_for("other: asked")

    supervisor.signal(signal.SIGINT)

    assert supervisor.ended(5) == 0
    assert are_gone(children)


def test_a_child_that_does_not_listen_is_killed_after_its_grace(supervise):
    supervisor = supervise(child("one", DEAF, grace_s=1))
    supervisor.wait_for("one: up")

    supervisor.signal(signal.SIGTERM)

    assert supervisor.ended(10) == 0
    assert "Killing one." in supervisor.said


def test_nothing_is_left_when_the_supervisor_is_killed(supervise):
    supervisor = supervise(child("broker", SLEEP), child("web", POLITE))
    wait_until(lambda: supervisor.said.count(": up") == 2, "both are up")
    children = supervisor.descendants()
    assert len(children) == 2

    supervisor.signal(signal.SIGKILL)

    supervisor.ended()
    wait_until(lambda: are_gone(children), "the children have ended", patience_s=5)


def test_a_child_that_closes_its_output_is_not_taken_for_dead(supervise):
    supervisor = supervise(
        child(
            "quiet",
            "import os, time\nprint('bye', flush=True)\nos.close(1); os.close(2)\ntime.sleep(600)",
        )
    )
    supervisor.wait_for("quiet: bye")
    process = psutil.Process(supervisor.process.pid)
    process.cpu_percent()

    deadline = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > deadline, "a second has gone by")

    assert process.cpu_percent() < 30
    assert len(process.children()) == 1
