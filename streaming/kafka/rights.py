"""What a broker forbids us, in the words in which it is allowed."""

from confluent_kafka import KafkaError
from django.conf import settings

FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "cluster",
}


def lacking(code: int, operation: str, name: str) -> str:
    """Say who lacks the right to ``operation`` on what is called ``name``, and where it is from.

    ``code`` is the broker's answer, one of ``FORBIDDEN``.
    """
    who = settings.KAFKA_SASL_USERNAME or "this process"
    kind = FORBIDDEN[code]
    resource = kind if kind == "cluster" else f"{kind} {name}"
    return (
        f"{who} has no right to {operation} on {resource}; docs/kafka-security.md has the rule "
        "that gives it"
    )
