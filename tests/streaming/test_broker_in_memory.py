"""Memory mode: a stand-in that other processes can use, and that says what it is."""

import subprocess
import sys

from streaming.endpoint import running_endpoint
from streaming.kafka.admin import describe_log
from tests.kafka_fixtures import ROOT, BrokerRun, broker_environment


def test_the_stand_in_serves_other_processes(tmp_path) -> None:
    run = BrokerRun(tmp_path, "--memory")
    endpoint = run.ready()

    made = subprocess.run(
        [sys.executable, "manage.py", "create_topics"],
        cwd=ROOT,
        env=broker_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = describe_log(endpoint, "submissions")
    code = run.stop()

    assert made.stdout.splitlines() == [
        "submissions: created, 4 partitions",
        "submissions.dead: created, 4 partitions",
    ]
    assert (endpoint.mode, found.topic_id, found.partition_count) == ("memory", "", 4)
    assert found.cluster_id == endpoint.cluster_id
    assert code == 0
    assert running_endpoint(tmp_path) is None


def test_each_start_of_the_stand_in_is_another_cluster(tmp_path) -> None:
    clusters = set()
    for _ in range(2):
        run = BrokerRun(tmp_path, "--memory")
        clusters.add(run.ready().cluster_id)
        run.stop()

    assert len(clusters) == 2


def test_the_stand_in_says_that_it_forgets(tmp_path) -> None:
    run = BrokerRun(tmp_path, "--memory")
    run.ready()

    run.stop()

    assert run.said().startswith("Memory mode: ")
    assert "It forgets everything when it stops." in run.said()
