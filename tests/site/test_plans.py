import socket

import pytest
from django.core.management import get_commands

from bankportal.data_files import demo_loaded_path, history_due_path
from bankportal.plans import portal_plans


@pytest.fixture
def plans(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    listener = socket.create_server(("127.0.0.1", 0))
    yield lambda **options: portal_plans(listener, **({"is_demo": False} | options))
    listener.close()


def names(planned) -> list[str]:
    return [plan.name for plan in planned]


def test_every_command_that_is_planned_exists(plans, settings):
    history_due_path(settings.DATA_DIR).touch()

    commands = [plan.command for plan in plans(is_demo=True)]

    managed = {command[2] for command in commands if command[1].endswith("manage.py")}
    assert len(managed) == 7
    assert managed <= set(get_commands())


def test_topics_wait_for_their_kafka_rather_than_die(plans):
    (topics,) = [plan for plan in plans() if plan.name == "topics"]

    assert topics.command[-1] == "--wait"


def test_the_web_server_ends_first_and_the_broker_last(plans):
    planned = names(plans())

    assert planned[0] == "broker"
    assert planned[-1] == "web"
    assert planned.index("consumer") < planned.index("relay")


def test_no_broker_is_started_beside_a_kafka_from_elsewhere(plans, settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = "kafka.example:9092"

    assert "broker" not in names(plans())


def test_the_history_is_imported_until_that_has_succeeded_once(plans, settings):
    history_due_path(settings.DATA_DIR).touch()
    (history,) = [plan for plan in plans() if plan.name == "history"]

    history.when_done()

    assert "history" not in names(plans())


def test_the_demonstration_is_loaded_once_and_trickles_at_each_start(plans, settings):
    (demo,) = [plan for plan in plans(is_demo=True) if plan.name == "demo"]

    demo.when_done()

    assert demo_loaded_path(settings.DATA_DIR).exists()
    assert "demo" not in names(plans(is_demo=True))
    assert "trickle" in names(plans(is_demo=True))


def test_each_process_that_is_scraped_has_a_port_of_its_own(plans, settings):
    settings.METRICS_PORT = 9400

    ports = {
        plan.name: plan.command[-1] for plan in plans() if plan.command[-2] == "--metrics-port"
    }

    assert ports == {"consumer": "9401", "relay": "9402"}
