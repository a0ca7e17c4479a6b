"""One administrative connection to a cluster, with a deadline and errors that have names."""

import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from streaming.endpoint import Endpoint
from streaming.kafka.config import client_settings
from streaming.kafka.errors import (
    BrokerNotReachable,
    KafkaUnusable,
    NotPermitted,
    RequestFailed,
    SettingsRefused,
    SignInRefused,
    TopicExists,
    TopicMissing,
)
from streaming.kafka.rights import FORBIDDEN, lacking
from streaming.kafka.sign_in import reason_and_remedy

_COMPLAINTS_KEPT = 20
DEFAULT_TIMEOUT_S = 10.0
# How long a broker may be silent before we look whether it is us that it does not like.
_LISTEN_S = 0.5
# Where several are named, another one may have us, and may be further away.
_LISTEN_TO_SEVERAL_S = 3.0
_REMEDY = (
    "Start it there, correct KAFKA_BOOTSTRAP_SERVERS, or unset that (unset "
    "KAFKA_BOOTSTRAP_SERVERS) for a Kafka on this machine."
)
_OTHER_PROTOCOL = (
    "Where one runs there, see that KAFKA_SECURITY_PROTOCOL is what it speaks at that port."
)

Answer = TypeVar("Answer")
Key = TypeVar("Key")

_UNREACHABLE = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.BROKER_NOT_AVAILABLE,
}
_REFUSED = {
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
}
_BY_CODE_OF_TOPIC: dict[int, type[TopicMissing] | type[TopicExists]] = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: TopicMissing,
    KafkaError._UNKNOWN_TOPIC: TopicMissing,
    KafkaError.TOPIC_ALREADY_EXISTS: TopicExists,
}


class Connection:
    """An ``AdminClient`` whose every answer arrives before the deadline or as a named error.

    Making one connects, so that a wrong address or password shows at once and by its
    name. The deadline counts from then, over all questions together.
    """

    def __init__(self, endpoint: Endpoint, timeout: float = DEFAULT_TIMEOUT_S) -> None:
        self.endpoint = endpoint
        self._deadline = time.monotonic() + timeout
        # What goes wrong here is raised, so it need not be logged as well. The client must not
        # refer to us: its threads would outlive us until the garbage collector comes.
        complaints: deque[KafkaError] = deque(maxlen=_COMPLAINTS_KEPT)
        self._complaints = complaints
        quiet = {"error_cb": complaints.append, "log_level": 0}
        try:
            self.client = AdminClient(client_settings(endpoint, **quiet))
        except KafkaException as failure:
            reason, _remedy = reason_and_remedy(_said(failure.args[0]))
            raise SettingsRefused(reason) from failure
        self.cluster = self.metadata()

    @property
    def seconds_left(self) -> float:
        """Give the time until the deadline, at least the shortest that Kafka takes."""
        return max(self._deadline - time.monotonic(), 0.001)

    def is_late(self) -> bool:
        """Say whether the deadline has passed."""
        return time.monotonic() >= self._deadline

    def metadata(self, topic: str | None = None) -> ClusterMetadata:
        """Ask for brokers and topics. Naming a ``topic`` may create it, where that is on."""
        words = () if topic is None else (topic,)
        is_several = "," in self.endpoint.bootstrap_servers
        listen_s = _LISTEN_TO_SEVERAL_S if is_several else _LISTEN_S
        while True:
            try:
                return self.client.list_topics(*words, timeout=min(self.seconds_left, listen_s))
            except KafkaException as failure:
                named = self._named(failure, topic or "", "Describe")
                try:
                    # Left alone, the client would ask one that refuses us twenty times a second.
                    if self.is_late() or not isinstance(named, BrokerNotReachable):
                        raise named from failure
                finally:
                    # Its traceback leads back here: together they would keep the client alive.
                    del named

    def ask(
        self, question: "Future[Answer]", topic: str = "", *, needs: str = "Describe"
    ) -> Answer:
        """Wait for one answer; ``topic`` is what the question is about, if any.

        ``needs`` is the operation that an access rule has to allow for it, by Kafka's name.
        """
        try:
            return question.result(self.seconds_left + 1)
        except KafkaException as failure:
            # The question keeps its failure, whose traceback would keep the question and us.
            raise self._named(failure, topic, needs) from failure.with_traceback(None)
        except FutureTimeoutError as failure:
            raise self._unreachable("no answer in time") from failure

    def ask_each(
        self, questions: Mapping[Key, "Future[Any]"], topic: str = "", *, needs: str = "Describe"
    ) -> dict[Key, Any]:
        """Wait for an answer each; the first failure is raised."""
        return {key: self.ask(question, topic, needs=needs) for key, question in questions.items()}

    def _named(self, failure: KafkaException, topic: str, needs: str) -> KafkaUnusable:
        error: KafkaError = failure.args[0]
        code, address = error.code(), self.endpoint.bootstrap_servers
        if code in _UNREACHABLE:
            return self._no_answer(error)
        if topic and code in _BY_CODE_OF_TOPIC:
            return _BY_CODE_OF_TOPIC[code](topic, address)
        if code in FORBIDDEN:
            return NotPermitted(address, lacking(code, needs, topic))
        reason, remedy = reason_and_remedy(_said(error))
        if code in _REFUSED:
            return SignInRefused(address, reason, remedy=remedy)
        return RequestFailed(address, reason)

    def _no_answer(self, error: KafkaError) -> KafkaUnusable:
        """Give the reason why nothing came, which librdkafka tells apart, and when asked."""
        self.client.poll(0)
        # "All brokers are down" follows each real reason and would hide it.
        real = [each for each in self._complaints if each.code() != KafkaError._ALL_BROKERS_DOWN]
        complaint = real[-1] if real else error
        reason, remedy = reason_and_remedy(_said(complaint))
        if complaint.code() in _REFUSED:
            return SignInRefused(self.endpoint.bootstrap_servers, reason, remedy=remedy)
        return self._unreachable(reason, is_told=bool(real))

    def _unreachable(self, reason: str, *, is_told: bool = True) -> BrokerNotReachable:
        """Give what to do about it; who hangs up without a reason may speak another protocol."""
        remedy = _REMEDY if is_told else f"{_REMEDY} {_OTHER_PROTOCOL}"
        if self.endpoint.mode != "external":
            remedy = ""
        return BrokerNotReachable(self.endpoint.bootstrap_servers, reason, remedy=remedy)


def _said(error: KafkaError) -> str:
    return error.str() or error.name()
