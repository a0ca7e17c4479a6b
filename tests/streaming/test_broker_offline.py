"""The broker on a machine that has no network at all, only itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from streaming.embedded import EXIT_JARS_NOT_AVAILABLE
from tests.kafka_fixtures import BrokerRun

# A network namespace begins with its loopback down; this brings it up and goes on.
ONLY_LOOPBACK = """
import fcntl, os, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
os.execv(sys.argv[1], sys.argv[1:])
"""
ALONE = ["unshare", "--map-root-user", "--net", sys.executable, "-c", ONLY_LOOPBACK]


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    try:
        subprocess.run([*ALONE, "/bin/true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("This system gives no network namespaces to cut the network off with.")


@pytest.mark.usefixtures("kafka")
def test_with_its_jars_cached_the_broker_needs_no_network(tmp_path: Path) -> None:
    data_dir = tmp_path / "données à part"

    run = BrokerRun(data_dir, before=ALONE)
    endpoint = run.ready()

    assert endpoint.mode == "embedded"
    assert run.stop() == 0


def test_without_jars_and_without_a_network_it_says_so_at_once(tmp_path: Path) -> None:
    run = BrokerRun(tmp_path, before=ALONE, XDG_CACHE_HOME=str(tmp_path / "cache"))

    assert run.process.wait(60) == EXIT_JARS_NOT_AVAILABLE
    assert "Connect this machine once" in run.said()
