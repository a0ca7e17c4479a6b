"""``make run`` as the first command that somebody types, on a machine with next to nothing."""

import re
import shutil
import signal
import subprocess
import sys

import pytest

from tests.processes import wait_until
from tests.site.browserless import Visitor
from tests.site.clean_copy import bare_environment, bare_path, copy_tree
from tests.site.conftest import Run, are_gone
from tests.streaming.test_broker_offline import ONLY_LOOPBACK

# A first start downloads what it needs.
FIRST_START_S = 420.0
NEXT_START_S = 180.0
READY = "The portal is ready: "


@pytest.fixture
def make() -> str:
    found = shutil.which("make")
    if found is None:
        pytest.skip("There is no make on this machine.")
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_clean_copy_is_started_used_stopped_started_offline_and_killed(run, make, tmp_path):
    clone = copy_tree(tmp_path / "a clean copy")
    bare = {"folder": clone, "environment": bare_environment(bare_path(tmp_path / "bin"))}

    first = run([make, "run"], **bare)
    first.wait_for(READY, FIRST_START_S)
    pay_in_100_euros(first)
    stop_by_ctrl_c(first)

    # Our own questions to our own server must not go by a proxy.
    bare["environment"] |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    second = run([*without_network(), make, "run"], **bare)
    second.wait_for(READY, NEXT_START_S)
    assert_nothing_was_done_again(second)
    kill_supervisor(second)


def pay_in_100_euros(run: Run) -> None:
    password = re.search(r"Password of each: (\S+)", run.said)[1]
    teller = Visitor(address(run))
    assert teller.sign_in("teller", password) == f"{address(run)}accounts/"
    page = teller.get("/accounts/C100/")
    assert "830,00" in page

    receipt = teller.send(page, "/transactions/new/", kind="deposit", amount="100")

    assert re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", receipt)
    wait_until(lambda: "930,00" in teller.get("/accounts/C100/"), "C100 stands at 930.00")


def address(run: Run) -> str:
    return re.search(rf"{READY}(http://localhost:\d+/)", run.said)[1]


def stop_by_ctrl_c(run: Run) -> None:
    processes = run.descendants()
    run.ctrl_c()
    # make passes its Ctrl-C on to its caller, once what it runs has ended.
    assert run.ended() in {0, -signal.SIGINT}, run.said
    assert are_gone(processes)
    assert "Killing" not in run.said
    assert "Traceback" not in run.said


def without_network() -> list[str]:
    """Give what runs a command where only this machine can be reached; it fails to connect out."""
    before = ["unshare", "--map-root-user", "--net", sys.executable, "-c", ONLY_LOOPBACK]
    try:
        subprocess.run([*before, "/bin/true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("This system gives no network namespaces to cut the network off with.")
    return [shutil.which("unshare"), *before[1:]]


def assert_nothing_was_done_again(run: Run) -> None:
    for once in ("Installing", "Bringing the database", "Collecting", "Password of each"):
        assert once not in run.said
    assert "MEMORY MODE" not in run.said
    assert "Apache Kafka" in run.said


def kill_supervisor(run: Run) -> None:
    processes = run.descendants()
    assert any("java" in each.name() for each in processes)
    supervisor = next(each for each in processes if each.cmdline()[1:3] == ["-m", "bankportal"])

    supervisor.kill()

    wait_until(lambda: are_gone(processes), "nothing of it is left", patience_s=20)
