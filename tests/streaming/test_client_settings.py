"""What Kafka clients are told, and what of their complaints reaches the log."""

import logging
from unittest.mock import Mock
from uuid import uuid4

import pytest

from streaming.endpoint import Endpoint
from streaming.kafka import log_reader, reader
from streaming.kafka.config import client_settings, log
from streaming.kafka.connection import Connection
from streaming.kafka.errors import BrokerNotReachable, SettingsRefused, SignInRefused

LOCAL = Endpoint("embedded", "127.0.0.1:9092")
REMOTE = Endpoint("external", "kafka.bank.example:9092")


@pytest.fixture
def heard():
    lines: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(listener)
    for each in log.filters:
        # What another test of this process has heard is no repetition here.
        each._said_at.clear()
    yield lines
    log.removeHandler(listener)


def test_security_settings_reach_an_external_kafka_only(settings) -> None:
    settings.KAFKA_SECURITY_PROTOCOL = "SASL_SSL"
    settings.KAFKA_SASL_MECHANISM = "SCRAM-SHA-512"
    settings.KAFKA_SASL_USERNAME = "portal"
    settings.KAFKA_SASL_PASSWORD = "a secret"

    remote, local = client_settings(REMOTE), client_settings(LOCAL)

    assert remote["security.protocol"] == "SASL_SSL"
    assert remote["sasl.username"] == "portal"
    assert local["security.protocol"] == "PLAINTEXT"
    assert "sasl.password" not in local


@pytest.mark.parametrize(
    ("module", "begin"),
    [
        (reader, lambda: reader.Reader(LOCAL, "submissions", "group", lambda _numbers: {})),
        (log_reader, lambda: log_reader.LogReader(LOCAL, "submissions")),
    ],
    ids=["consumer", "rebuild"],
)
def test_whoever_reads_the_log_reads_what_is_committed(module, begin, monkeypatch) -> None:
    """Red where it hangs on librdkafka's default."""
    given = Mock()
    monkeypatch.setattr(module, "Client", given)

    begin()

    [[settings]] = [call.args for call in given.call_args_list]
    assert settings["isolation.level"] == "read_committed"


def test_an_override_goes_before_everything() -> None:
    assert client_settings(LOCAL, **{"client.id": "mine"})["client.id"] == "mine"


def test_a_local_client_is_back_soon_after_a_restart() -> None:
    assert client_settings(LOCAL)["reconnect.backoff.max.ms"] == 200


def test_a_repeated_complaint_is_logged_once(heard) -> None:
    what = f"Connect to {uuid4()} failed"

    for number in range(100):
        log.warning("%s after %d ms", what, number)

    assert heard == [f"{what} after 0 ms"]


def test_the_password_is_never_logged(heard, settings) -> None:
    settings.KAFKA_SASL_PASSWORD = "hunter2"

    log.warning("broker refuses %s of %s", "hunter2", uuid4())

    assert heard
    assert "hunter2" not in heard[0]
    assert "********" in heard[0]


def test_refused_credentials_are_told_from_a_broker_that_is_away(kafka, settings) -> None:
    settings.KAFKA_SECURITY_PROTOCOL = "SASL_PLAINTEXT"
    settings.KAFKA_SASL_MECHANISM = "PLAIN"
    settings.KAFKA_SASL_USERNAME, settings.KAFKA_SASL_PASSWORD = "portal", "hunter2"

    with pytest.raises(SignInRefused) as refused:
        Connection(Endpoint("external", kafka.bootstrap_servers), timeout=20)
    with pytest.raises(BrokerNotReachable):
        Connection(Endpoint("external", "127.0.0.1:1"), timeout=0.2)

    assert "hunter2" not in str(refused.value)


def test_settings_that_make_no_client_are_refused_by_name(settings) -> None:
    settings.KAFKA_SECURITY_PROTOCOL = "nonsense"

    with pytest.raises(SettingsRefused, match="nonsense"):
        Connection(REMOTE)


def test_a_lost_connection_is_one_line_of_ours_and_trouble_with_security_is_told(heard) -> None:
    for reason in ("Disconnected", "Connection refused"):
        log.warning("%s [%s] %s", "FAIL", "bankportal#producer-1", f"Connect failed: {reason}")
    log.warning("%s [%s] %s", "FAIL", "bankportal#producer-1", f"SASL says {uuid4()}")

    assert heard[0] == "The connection to Kafka is lost; waiting until it is back."
    assert len(heard) == 2
    assert "SASL says" in heard[1]
