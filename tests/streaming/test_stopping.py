"""The request to stop, which may come at any moment."""

import signal
import subprocess
import sys
import textwrap
import threading

from streaming.stopping import StopRequest
from tests.processes import ROOT


def test_a_signal_at_any_step_of_the_wait_ends_it() -> None:
    # A process of its own: where the wait holds a lock that the handler takes, it never ends.
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_SIGNALLED_AT_EACH_STEP)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 3, "The signal came at too few steps to show anything."


_SIGNALLED_AT_EACH_STEP = f"""
    import itertools, signal, sys
    from streaming.stopping import StopRequest

    def waited_with_signal_at(step):
        stop = StopRequest().listen()
        steps = itertools.count()
        came = False

        def trace(frame, event, _argument):
            nonlocal came
            if event == "line" and not came and next(steps) == step:
                came = True
                signal.raise_signal({signal.SIGTERM})
            return trace

        sys.settrace(trace)
        asked = stop.wait(0.01)
        sys.settrace(None)
        assert asked == came or stop.is_set()
        return came

    print(next(step for step in itertools.count() if not waited_with_signal_at(step)))
"""


def test_everyone_who_waits_hears_of_it() -> None:
    stop = StopRequest()
    heard: list[bool] = []
    waiting = [threading.Thread(target=lambda: heard.append(stop.wait(30))) for _ in range(3)]
    for each in waiting:
        each.start()

    stop.set()

    for each in waiting:
        each.join(30)
    assert heard == [True, True, True]
    assert stop.is_set()
    assert stop.wait(0)


def test_nobody_asked() -> None:
    stop = StopRequest()

    assert not stop.wait(0.001)
    assert not stop.is_set()
