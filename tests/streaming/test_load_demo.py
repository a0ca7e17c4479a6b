"""Loading the demonstration through a real Kafka, and its live trickle."""

import json
import signal

import pytest

from tests.processes import Portal, wait_until


@pytest.fixture
def bank(kafka, portal_on) -> Portal:
    bank = portal_on(kafka.bootstrap_servers)
    bank.create_topics()
    bank.start("run_consumer")
    return bank


def status(bank: Portal) -> dict:
    return json.loads(bank.manage("ledger_status", "--json").stdout)


def test_it_is_loaded_once_stopped_and_resumed_and_repeated_without_effect(bank) -> None:
    loading = bank.start("load_demo")
    wait_until(lambda: bank.value("SELECT count(*) FROM accounts_entry") > 1_000, "it has begun")
    loading.send_signal(signal.SIGTERM)
    assert loading.wait(30) == 130

    bank.manage("load_demo")
    once = status(bank)
    bank.manage("load_demo")
    twice = status(bank)

    assert once["accounts"] == 300
    assert once["transactions"] > 40_000
    assert once["rejected"] > 20
    assert once["dead_letters"] == once["lag"] == 0
    assert bank.value("SELECT count(*) FROM accounts_branch") == 3
    assert twice | {"repeats": 0} == once | {"repeats": 0}


@pytest.mark.parametrize("asked_by", [signal.SIGTERM, signal.SIGINT])
def test_the_trickle_ends_with_exit_code_0_when_asked(bank, asked_by) -> None:
    trickle = bank.start("run_demo_trickle", "--per-minute", "600")
    wait_until(
        lambda: "run manage.py load_demo" in bank.output_of("run_demo_trickle"),
        "it says what it lacks",
    )

    trickle.send_signal(asked_by)

    assert trickle.wait(20) == 0
    assert "Traceback" not in bank.output_of("run_demo_trickle")
