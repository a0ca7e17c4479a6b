"""The endpoint file: what readers make of it, whoever wrote it and however they ended."""

import json
import os
import subprocess
import sys
import time

import pytest

from streaming.endpoint import (
    Endpoint,
    NoKafkaRunning,
    current_endpoint,
    endpoint_path,
    remove_endpoint,
    required_endpoint,
    running_endpoint,
    write_endpoint,
)


@pytest.fixture
def path(tmp_path, settings):
    settings.DATA_DIR, settings.KAFKA_BOOTSTRAP_SERVERS = tmp_path, ""
    path = endpoint_path(tmp_path)
    path.parent.mkdir()
    return path


def endpoint_of(pid: int, started_at_ms: int | None = None) -> Endpoint:
    now_ms = time.time_ns() // 1_000_000
    return Endpoint("embedded", "127.0.0.1:9092", "cluster", pid, started_at_ms or now_ms)


def test_a_written_endpoint_is_read_back(path) -> None:
    written = endpoint_of(os.getpid())

    write_endpoint(path, written)

    assert current_endpoint() == written
    assert required_endpoint() == written


def test_a_removed_endpoint_is_none(path) -> None:
    write_endpoint(path, endpoint_of(os.getpid()))

    remove_endpoint(path)
    remove_endpoint(path)

    assert current_endpoint() is None
    with pytest.raises(NoKafkaRunning, match="Start one with"):
        required_endpoint()


def test_an_endpoint_that_is_written_again_is_read_again(path) -> None:
    write_endpoint(path, endpoint_of(os.getpid()))
    assert current_endpoint() is not None
    later = Endpoint("memory", "127.0.0.1:9093", "other", os.getpid(), time.time_ns() // 10**6)

    write_endpoint(path, later)

    assert current_endpoint() == later


def test_the_endpoint_of_a_process_that_ended_counts_for_nothing(path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        write_endpoint(path, endpoint_of(owner.pid))
        while_alive = current_endpoint()
        owner.kill()
        os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)

        as_zombie = current_endpoint()

    assert while_alive is not None
    assert as_zombie is None
    assert current_endpoint() is None


def test_a_later_process_of_the_same_id_is_not_the_broker(path) -> None:
    yesterday_ms = (time.time_ns() // 1_000_000) - 86_400_000

    write_endpoint(path, endpoint_of(os.getpid(), yesterday_ms))

    assert current_endpoint() is None


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"mode": "embedded"})])
def test_a_broken_endpoint_file_is_none(path, content) -> None:
    path.write_text(content)

    assert running_endpoint(path.parent.parent) is None


def test_a_named_kafka_goes_before_any_that_runs_here(path, settings) -> None:
    write_endpoint(path, endpoint_of(os.getpid()))

    settings.KAFKA_BOOTSTRAP_SERVERS = "kafka.bank.example:9092"

    assert current_endpoint() == Endpoint("external", "kafka.bank.example:9092")
