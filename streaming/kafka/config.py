"""What every Kafka client is told: address, security, and where its complaints go."""

import logging
import re
import time
from typing import Any

from confluent_kafka import KafkaError
from django.conf import settings

from streaming.endpoint import Endpoint
from streaming.kafka.sign_in import remedy_of

log = logging.getLogger("streaming.kafka.client")


def client_settings(endpoint: Endpoint, **overrides: Any) -> dict[str, Any]:
    """Give the settings for a producer, consumer or admin client of ``endpoint``.

    ``overrides`` are librdkafka's own names, as in ``**{"group.id": "bank"}``. The result
    holds the password of an external Kafka: it is not to be printed.
    """
    common: dict[str, Any] = {
        "bootstrap.servers": endpoint.bootstrap_servers,
        "client.id": "bankportal",
        "error_cb": log_client_error,
        "logger": log,
    }
    special = _security_settings() if endpoint.mode == "external" else _local_settings()
    return common | special | overrides


def log_client_error(error: KafkaError) -> None:
    """Log an error of a client, other than of a connection: of those its log speaks itself."""
    said_already = error.code() in {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
    log.log(logging.DEBUG if said_already else logging.WARNING, "%s", error.str())


def _local_settings() -> dict[str, Any]:
    # A local broker is back within seconds of a restart; the default of 10 s would make
    # agents wait for nothing. No broker.address.family: with v4 librdkafka cannot resolve
    # even 127.0.0.1 on a machine that has no network at all.
    return {
        "security.protocol": "PLAINTEXT",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 200,
    }


def _security_settings() -> dict[str, Any]:
    given = {
        "security.protocol": settings.KAFKA_SECURITY_PROTOCOL,
        "sasl.mechanism": settings.KAFKA_SASL_MECHANISM,
        "sasl.username": settings.KAFKA_SASL_USERNAME,
        "sasl.password": settings.KAFKA_SASL_PASSWORD,
        "ssl.ca.location": settings.KAFKA_SSL_CA_LOCATION,
    }
    return {name: value for name, value in given.items() if value}


# What a broker answers in its first second; the client asks again by itself.
_PASSING = "Coordinator load in progress"
# How librdkafka begins what it says of a connection, by facility; each client says several
# of them when a broker restarts. Those about security name what somebody has to put right.
_LOST = re.compile(r"FAIL ")
_SECURITY = re.compile(r"SSL|SASL|certificate", re.IGNORECASE)


class _Repetitions(logging.Filter):
    """Lets each kind of line through once in ``quiet_seconds``, and hides the password.

    While a broker is away librdkafka says so several times a second, in each client.
    """

    quiet_seconds = 30.0

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to log ``record``, its text freed of credentials."""
        text = record.getMessage()
        if _PASSING in text:
            return False
        if _LOST.match(text):
            trouble = _SECURITY.search(text)
            lost = "The connection to Kafka is lost; waiting until it is back."
            text = f"{text} {remedy_of(text)}".rstrip() if trouble else lost
        record.msg, record.args = _without_credentials(text), None
        kind, now = _kind_of(text), time.monotonic()
        if now - self._said_at.get(kind, -self.quiet_seconds) < self.quiet_seconds:
            return False
        if len(self._said_at) > 500:
            self._said_at.clear()
        self._said_at[kind] = now
        return True


def _without_credentials(text: str) -> str:
    password = settings.KAFKA_SASL_PASSWORD
    return text.replace(password, "********") if password else text


def _kind_of(text: str) -> str:
    """Give ``text`` without what differs between repetitions: times, counts, client numbers."""
    return "".join(letter for letter in text if not letter.isdigit())


log.addFilter(_Repetitions())
