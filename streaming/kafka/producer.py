"""Publishing: an idempotent producer that never gives up and never reorders."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client

from streaming.endpoint import Endpoint
from streaming.kafka.config import client_settings

MEBIBYTE = 1024 * 1024


class Acknowledged(NamedTuple):
    """Where the broker wrote a message."""

    partition: int
    offset: int


class NotDelivered(Exception):
    """The broker refused a message for good; messages published after it may have been written."""


_SETTINGS: Final[Mapping[str, Any]] = {
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": 0,
    # The one of Java's producers, so that an account stays on its partition whoever publishes.
    "partitioner": "murmur2_random",
    "linger.ms": 0,
    # A dead letter is as large as the largest message, and has headers besides.
    "message.max.bytes": 2 * MEBIBYTE,
    "queue.buffering.max.messages": 100_000,
}

# Called once for each message, from ``poll`` or ``flush``.
OnDone = Callable[[Acknowledged | NotDelivered], None]


class Producer:
    """Publishes in order, each message once as long as this producer lives.

    An unreachable broker is no error: messages wait inside for as long as it takes, since
    giving one up would let the ones behind it overtake. Made in the process that uses it: a
    producer from before a fork never delivers.
    """

    def __init__(self, endpoint: Endpoint, **overrides: Any) -> None:
        self._process = os.getpid()
        self._client = Client(client_settings(endpoint, **{**_SETTINGS, **overrides}))

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        on_done: OnDone,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Queue one message. Blocks only while the queue inside is full."""
        if os.getpid() != self._process:
            raise RuntimeError("A producer cannot be used in a forked process.")

        def delivered(error: KafkaError | None, message: Message) -> None:
            on_done(_result(error, message))

        while True:
            try:
                self._client.produce(
                    topic,
                    key=key,
                    value=value,
                    headers=dict(headers) if headers else None,
                    on_delivery=delivered,
                )
            except BufferError:
                self._client.poll(0.1)
            except KafkaException as failure:
                on_done(NotDelivered(str(failure)))
                return
            else:
                return

    def poll(self, timeout: float = 0) -> int:
        """Let the callbacks of finished messages run; give their number."""
        return int(self._client.poll(timeout))

    def flush(self, timeout: float) -> int:
        """Wait for everything published so far; give the number still waiting afterwards."""
        return int(self._client.flush(timeout))

    def close(self) -> None:
        """Drop what was not acknowledged. Who published it keeps it and publishes again."""
        self._client.purge()
        self._client.flush(1)

    def __len__(self) -> int:
        return len(self._client)


def _result(error: KafkaError | None, message: Message) -> Acknowledged | NotDelivered:
    if error is not None:
        return NotDelivered(f"{error.name()}: {error.str()}")
    return Acknowledged(cast(int, message.partition()), cast(int, message.offset()))
