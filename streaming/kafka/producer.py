"""Publishing: an idempotent producer that never gives up and never reorders."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client

from streaming.endpoint import Endpoint
from streaming.kafka.config import client_settings
from streaming.kafka.rights import FORBIDDEN, lacking

MEBIBYTE = 1024 * 1024


class Acknowledged(NamedTuple):
    """Where the broker wrote a message, and when it said so, in milliseconds since 1970."""

    partition: int
    offset: int
    at_ms: int


class NotDelivered(Exception):
    """A message was given up; messages published after it may have been written.

    ``remedy`` says what to do where Kafka refused just this message, or all of its topic
    (``of_topic``), for good, or where it refuses the producer. Empty, the producer has failed,
    and another one may succeed.
    """

    def __init__(self, reason: str, *, remedy: str = "", of_topic: bool = False) -> None:
        super().__init__(reason)
        self.remedy = remedy
        self.of_topic = of_topic


_AS_WANTED = "Put its settings right with: manage.py create_topics."
_MISSING = "Make the topic with: manage.py create_topics."
_OTHERWISE = "See what the broker's own log says of it."
_REMEDIES: Final[Mapping[int, str]] = {
    KafkaError.MSG_SIZE_TOO_LARGE: f"The topic's max.message.bytes is too low. {_AS_WANTED}",
    KafkaError.INVALID_RECORD: f"The topic takes no such messages. {_AS_WANTED}",
    KafkaError.UNKNOWN_TOPIC_OR_PART: _MISSING,
    KafkaError._UNKNOWN_TOPIC: _MISSING,
    KafkaError._UNKNOWN_PARTITION: _MISSING,
}
_OF_TOPIC: Final = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}

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
        self._topic = ""
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
        self._topic = topic

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
                on_done(_refusal(failure.args[0], topic))
                return
            else:
                return

    def poll(self, timeout: float = 0) -> int:
        """Let the callbacks of finished messages run; give their number.

        Raises ``NotDelivered`` where the client has failed as a whole.
        """
        return self._let_run(self._client.poll, timeout)

    def flush(self, timeout: float) -> int:
        """Wait for everything published so far; give the number still waiting afterwards.

        Raises as ``poll`` does.
        """
        return self._let_run(self._client.flush, timeout)

    def close(self) -> None:
        """Drop what was not acknowledged. Who published it keeps it and publishes again."""
        self._client.purge()
        with suppress(NotDelivered):
            self.flush(1)

    def __len__(self) -> int:
        return len(self._client)

    def _let_run(self, run: Callable[[float], int], timeout: float) -> int:
        try:
            return int(run(timeout))
        except (KafkaException, SystemError) as failure:
            # The client raises a fatal error amid whatever it is doing, as either of these.
            reason = failure.__cause__ or failure
            may_not = isinstance(reason, KafkaException) and reason.args[0].code() in FORBIDDEN
            # Who may write to no topic at all is refused as a producer, before any message.
            remedy = _no_right_to_write(self._topic) if may_not else ""
            raise NotDelivered(str(reason), remedy=remedy) from failure


def _result(error: KafkaError | None, message: Message) -> Acknowledged | NotDelivered:
    if error is not None:
        return _refusal(error, cast(str, message.topic()))
    partition, offset = cast(int, message.partition()), cast(int, message.offset())
    return Acknowledged(partition, offset, time.time_ns() // 1_000_000)


def _refusal(error: KafkaError, topic: str) -> NotDelivered:
    return NotDelivered(
        f"{error.name()}: {error.str()}",
        remedy=_remedy(error.code(), topic),
        of_topic=error.code() in _OF_TOPIC,
    )


def _remedy(code: int, topic: str) -> str:
    if code in FORBIDDEN:
        return _no_right_to_write(topic)
    # What librdkafka itself gives up has a code below zero.
    return _REMEDIES.get(code, _OTHERWISE if code > 0 else "")


def _no_right_to_write(topic: str) -> str:
    return f"{lacking(KafkaError.TOPIC_AUTHORIZATION_FAILED, 'Write', topic)}."
