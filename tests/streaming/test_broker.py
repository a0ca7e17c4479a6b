"""The embedded broker as its user has it: started, stopped, killed, and started again."""

import contextlib
import os
import signal
import socket

import psutil
import pytest

from streaming.embedded import EXIT_REFUSED
from streaming.embedded.ports import free_port
from streaming.endpoint import Endpoint, endpoint_path
from streaming.kafka.admin import TopicExists, create_topic, end_offsets
from streaming.kafka.producer import Producer
from tests.kafka_fixtures import BrokerRun


def test_a_stopped_broker_comes_back_with_its_log_at_its_address(start_broker, tmp_path) -> None:
    first = start_broker(tmp_path)
    before = first.ready()
    _publish(before, [b"one", b"two"])

    code = first.stop()
    is_gone = not endpoint_path(tmp_path).exists()
    after = start_broker(tmp_path).ready()

    assert code == 0
    assert is_gone
    assert end_offsets(after, "kept") == {0: 2}
    assert (after.cluster_id, after.bootstrap_servers) == (
        before.cluster_id,
        before.bootstrap_servers,
    )


def test_the_log_is_the_same_on_another_port(start_broker, tmp_path) -> None:
    first = start_broker(tmp_path)
    before = first.ready()
    _publish(before, [b"one"])
    first.stop()
    port = free_port(0)

    after = start_broker(tmp_path, "--port", str(port)).ready()

    assert after.bootstrap_servers == f"127.0.0.1:{port}"
    assert after.cluster_id == before.cluster_id
    _publish(after, [b"two"])
    assert end_offsets(after, "kept") == {0: 2}


def test_a_killed_broker_leaves_no_process_and_keeps_its_log(start_broker, tmp_path) -> None:
    first = start_broker(tmp_path)
    _publish(first.ready(), [b"one", b"two", b"three"])
    family = psutil.Process(first.process.pid).children(recursive=True)
    assert any("java" in each.name() for each in family)

    first.kill()

    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert end_offsets(start_broker(tmp_path).ready(), "kept") == {0: 3}


def test_a_successor_may_start_the_moment_its_predecessor_is_killed(start_broker, tmp_path) -> None:
    first = start_broker(tmp_path)
    before = first.ready()

    first.kill()
    after = start_broker(tmp_path).ready()

    assert after.cluster_id == before.cluster_id


def test_a_broker_whose_java_dies_says_so_and_fails(start_broker, tmp_path) -> None:
    run = start_broker(tmp_path)
    run.ready()

    _java_of(run).kill()
    code = run.process.wait(30)

    assert code == 1
    assert "Kafka stopped by itself (exit code -9)" in run.said()
    assert "Traceback" not in run.said()
    assert not endpoint_path(tmp_path).exists()


def test_ctrl_c_typed_twice_still_ends_in_order(start_broker, tmp_path) -> None:
    run = start_broker(tmp_path)
    run.ready()

    for _ in range(2):
        run.process.send_signal(signal.SIGINT)
    code = run.process.wait(60)

    assert code == 0
    assert "App info kafka.server for 1 unregistered" in _server_log(tmp_path)


def test_a_second_broker_on_one_folder_is_refused_by_name(kafka, kafka_folder, tmp_path) -> None:
    second = BrokerRun(tmp_path, DATA_DIR=str(kafka_folder / "data"))

    code = second.process.wait(60)

    assert code == EXIT_REFUSED
    assert f"Another run_broker (process {kafka.pid})" in second.said()
    assert len(second.said().splitlines()) == 1


def test_a_taken_port_is_refused_with_its_holder(start_broker, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        run = start_broker(tmp_path, "--port", str(port))

        code = run.process.wait(60)

    assert code == EXIT_REFUSED
    assert f"Port {port} is taken by process {os.getpid()}" in run.said()


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_what_is_no_port_is_refused_in_a_line(tmp_path, port) -> None:
    run = BrokerRun(tmp_path, "--port", port)

    code = run.process.wait(60)

    assert code == EXIT_REFUSED
    assert f"--port is '{port}'" in run.said()
    assert len(run.said().splitlines()) == 1


def test_the_broker_listens_on_this_machine_only(kafka: Endpoint) -> None:
    java = next(c for c in psutil.Process(kafka.pid).children() if "java" in c.name())

    listening = [c for c in java.net_connections("tcp") if c.status == psutil.CONN_LISTEN]

    assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}
    assert len(listening) == 2


def test_what_would_change_java_is_kept_from_it(start_broker, tmp_path) -> None:
    foreign = {"JAVA_TOOL_OPTIONS": "-XX:NoSuchOption", "CLASSPATH": "/nowhere"}

    run = start_broker(tmp_path, **foreign)

    assert run.ready().mode == "embedded"


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path) -> None:
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    run = BrokerRun(tmp_path, DATA_DIR=str(in_the_way / "data"), SECRET_KEY="k" * 50)

    code = run.process.wait(60)

    assert code == EXIT_REFUSED
    assert f"Kafka cannot write to {in_the_way / 'data' / 'kafka'}" in run.said()
    assert len(run.said().splitlines()) == 1


def test_a_log_without_its_identity_is_not_replaced(start_broker, tmp_path) -> None:
    run = start_broker(tmp_path)
    run.ready()
    run.stop()
    (tmp_path / "kafka" / "log" / "meta.properties").unlink()

    again = start_broker(tmp_path)

    assert again.process.wait(60) == EXIT_REFUSED
    assert "holds something but no meta.properties" in again.said()


def test_with_a_kafka_of_its_own_the_portal_starts_none(tmp_path) -> None:
    run = BrokerRun(tmp_path, KAFKA_BOOTSTRAP_SERVERS="kafka.bank.example:9092")

    code = run.process.wait(60)

    assert code == EXIT_REFUSED
    assert "KAFKA_BOOTSTRAP_SERVERS is set (kafka.bank.example:9092)" in run.said()
    assert not (tmp_path / "kafka").exists()


@pytest.mark.parametrize("java_home", ["/nowhere", "old"])
def test_a_java_home_that_cannot_serve_is_refused_with_the_remedy(
    start_broker, tmp_path, java_home
) -> None:
    (tmp_path / "old" / "bin").mkdir(parents=True)
    (tmp_path / "old" / "bin" / "java").symlink_to("/bin/sh")
    (tmp_path / "old" / "release").write_text('JAVA_VERSION="1.8.0_392"\n')

    run = start_broker(tmp_path, JAVA_HOME=str(tmp_path / java_home))

    assert run.process.wait(60) == EXIT_REFUSED
    assert "Unset it, or set it to a" in run.said()


def _publish(endpoint: Endpoint, values: list[bytes]) -> None:
    with contextlib.suppress(TopicExists):
        create_topic(endpoint, "kept", partition_count=1)
    producer = Producer(endpoint)
    results: list[object] = []
    for value in values:
        producer.publish("kept", b"key", value, results.append)
    assert producer.flush(30) == 0
    assert len(results) == len(values)


def _java_of(run: BrokerRun) -> psutil.Process:
    children = psutil.Process(run.process.pid).children()
    return next(child for child in children if "java" in child.name())


def _server_log(data_dir) -> str:
    return (data_dir / "kafka" / "server.log").read_text()
