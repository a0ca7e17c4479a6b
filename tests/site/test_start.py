import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bankportal.ports import listening_socket
from bankportal.process import Refused
from bankportal.start import welcome
from tests.processes import wait_until
from tests.site.browserless import Visitor
from tests.site.conftest import ROOT, Run, clean_environment

READY = "The portal is ready: "
PORTAL = [sys.executable, "-m", "bankportal"]
NOWHERE = "127.0.0.1:9"


def on(data_dir: Path, **settings: str) -> dict[str, str]:
    return clean_environment() | {"DATA_DIR": str(data_dir)} | settings


def once(data_dir: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=on(data_dir, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def visitor(run: Run, data_dir: Path) -> Visitor:
    """Give a visitor as soon as there is an address, which stands before all is ready."""
    wait_until((data_dir / "address.txt").exists, "there is an address")
    return Visitor((data_dir / "address.txt").read_text().strip())


def test_a_second_run_on_the_same_data_is_refused_and_the_first_one_named(run, kafka, tmp_path):
    servers = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA_TOPIC": "second-run"}
    first = run(PORTAL, environment=on(tmp_path, **servers))
    wait_until((tmp_path / "address.txt").exists, "it has an address")

    second = once(tmp_path, "-m", "bankportal")

    assert second.returncode == 78
    assert f"process {first.process.pid}" in second.stderr
    assert (tmp_path / "address.txt").read_text().strip() in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_was_asked_for_and_is_taken_is_named_with_its_holder(run, tmp_path):
    server = run([sys.executable, "-um", "http.server", "--bind", "127.0.0.1", "0"])
    server.wait_for("Serving HTTP on")
    port = re.search(r"port (\d+)", server.said)[1]

    done = once(tmp_path, "-m", "bankportal", PORT=port)

    assert done.returncode == 78
    assert f"Port {port} is taken by process {server.process.pid} (python" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_free_port_is_taken_when_none_was_asked_for():
    with closing(listening_socket("127.0.0.1", 0, is_chosen=True)) as taken:
        port = taken.getsockname()[1]

        with closing(listening_socket("127.0.0.1", port, is_chosen=False)) as found:
            assert found.getsockname()[1] not in {0, port}


def test_a_port_that_another_server_has_for_localhost_counts_as_taken():
    try:
        other = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("This machine has no IPv6.")
    with closing(other), pytest.raises(Refused, match="is taken by"):
        listening_socket("127.0.0.1", other.getsockname()[1], is_chosen=True)


def test_an_address_that_is_not_of_this_machine_is_refused():
    with pytest.raises(Refused, match="BIND_ADDRESS"):
        listening_socket("192.0.2.1", 8000, is_chosen=False)


def test_where_kafka_cannot_be_had_it_goes_on_in_memory_and_says_so(run, tmp_path):
    closed = {"https_proxy": f"http://{NOWHERE}", "http_proxy": f"http://{NOWHERE}", "NO_PROXY": ""}
    cache = {"XDG_CACHE_HOME": str(tmp_path / "no cache")}
    portal = run(PORTAL, environment=on(tmp_path / "data", **closed, **cache))

    portal.wait_for(READY, 90)

    assert "MEMORY MODE" in portal.said
    assert "The balances of the file and of the ledger agree." in portal.said
    page = visitor(portal, tmp_path / "data").get("/auth/login/")
    assert "memory" in page.lower() or "mémoire" in page.lower()


def test_a_wrong_address_of_kafka_leaves_the_pages_up_and_is_said(run, tmp_path):
    portal = run(PORTAL, environment=on(tmp_path, KAFKA_BOOTSTRAP_SERVERS=NOWHERE))

    portal.wait_for(f"Waiting for Kafka: No Kafka answers at {NOWHERE}")

    assert '"status": "ok"' in visitor(portal, tmp_path).get("/health/ready")
    portal.wait_for("The pages are ready: ")
    portal.wait_for("Not ready yet: topics, consumer, relay, history.")
    portal.wait_for("What is submitted waits until all works.")
    assert "unset KAFKA_BOOTSTRAP_SERVERS" in portal.said
    assert "topics did not succeed" not in portal.said
    assert "broker " not in portal.said
    assert "Traceback" not in portal.said


@pytest.mark.parametrize(
    ("missing", "stopped", "said"),
    [
        ([], [], ["The portal is ready: http://x/"]),
        (["history"], [], ["The pages are ready: http://x/", "Not ready yet: history."]),
        (
            ["broker", "topics", "demo"],
            ["broker"],
            [
                "The pages are ready: http://x/",
                "Not working, as said above: broker.",
                "Not ready yet: topics, demo.",
                "What is submitted waits until all works.",
            ],
        ),
    ],
)
def test_what_lacks_is_said_to_have_stopped_only_where_it_has(missing, stopped, said, capsys):
    welcome("http://x/", lambda: stopped, missing)

    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert [line for line in lines if "Agents" not in line][:-1] == said


@pytest.mark.parametrize("place", ["/dev/null/data", "/proc/data"])
def test_a_data_folder_that_cannot_be_written_is_said_in_a_line(place):
    done = once(Path(place), "-m", "bankportal")

    assert done.returncode == 78
    assert place in done.stderr
    assert "set DATA_DIR to another folder" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_setting_is_said_in_a_line(tmp_path):
    for command in (["-m", "bankportal"], ["manage.py", "migrate"], ["manage.py", "run_relay"]):
        done = once(tmp_path, *command, TIME_ZONE="Europe/Atlantis")

        assert done.returncode == 78
        assert done.stderr.startswith("TIME_ZONE is 'Europe/Atlantis'")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "setting",
    [
        "DEBUG=maybe",
        "PORT=99999",
        "PORT=http",
        "TIME_ZONE=Europe",
        "LANGUAGE_CODE=de",
        "CURRENCY=EURO",
        "DATABASE_URL=mysql://bank@localhost/bank",
        "KAFKA_PARTITIONS=many",
        "KAFKA_REPLICATION=3",
        "KAFKA_SECURITY_PROTOCOL=TLS",
        "KAFKA_SASL_MECHANISM=GSSAPI",
        "KAFKA_SSL_CA_LOCATION=/nowhere",
        "JAVA_HOME=/nowhere",
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_before_anything_starts(tmp_path, setting):
    name, _, text = setting.partition("=")

    done = once(tmp_path, "-m", "bankportal", **{name: text})

    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith(f"{name} ")
    assert len(done.stderr.splitlines()) == 1
    assert {each.name for each in tmp_path.iterdir()} <= {"secret-key.txt"}


@pytest.mark.parametrize("option", ["nonsense=1", "sslmode=nonsense"])
def test_a_wrong_option_of_the_database_is_said_in_a_line(tmp_path, option):
    url = f"postgres://bank@{NOWHERE}/bank?{option}"

    done = once(tmp_path, "-m", "bankportal", DATABASE_URL=url)

    assert done.returncode == 78
    assert "nonsense" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_java_that_the_embedded_kafka_does_not_need_is_not_looked_at(run, kafka, tmp_path):
    servers = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA_TOPIC": "no-java"}

    run(PORTAL, environment=on(tmp_path, JAVA_HOME="/nowhere", **servers))

    wait_until((tmp_path / "address.txt").exists, "it starts")
