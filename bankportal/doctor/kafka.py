"""Examines Kafka, and the Java that the embedded one takes."""

from django.conf import settings

from bankportal.doctor.finding import Finding, fault, note, sound
from bankportal.running import running_process
from streaming.embedded import BrokerRefused
from streaming.embedded.cache import JarCache
from streaming.embedded.java import find_java
from streaming.embedded.lock import read_lock
from streaming.endpoint import Endpoint, current_endpoint
from streaming.kafka.admin import KafkaUnusable, describe_log

ANSWER_WITHIN_S = 5.0


def examine_java() -> Finding:
    """Look for what the embedded Kafka is run with."""
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        return sound("Java", "not needed, since KAFKA_BOOTSTRAP_SERVERS is set")
    try:
        java = find_java(settings.JAVA_HOME)
    except BrokerRefused as reason:
        return fault("Java", str(reason), "Without it Kafka runs in memory and forgets.")
    return sound("Java", str(java))


def examine_kafka() -> Finding:
    """Look whether Kafka answers and has the topic."""
    endpoint = current_endpoint()
    if endpoint is None:
        return _absent()
    place = f"{endpoint.mode} Kafka at {endpoint.bootstrap_servers}"
    if endpoint.mode == "memory":
        return fault(
            "Kafka",
            f"{place} forgets everything at exit",
            "See why the real one could not be had, in what run_broker says, and start again.",
        )
    return _answer(endpoint, place)


def _answer(endpoint: Endpoint, place: str) -> Finding:
    try:
        found = describe_log(endpoint, settings.KAFKA_TOPIC, ANSWER_WITHIN_S)
    except KafkaUnusable as problem:
        return fault("Kafka", str(problem), "See the KAFKA_ settings, and that Kafka runs.")
    return sound("Kafka", f"{place}: {found.topic} with {found.partition_count} partitions")


def _absent() -> Finding:
    if running_process(settings.DATA_DIR):
        return fault("Kafka", "no broker runs beside the portal", "See what the broker says there.")
    cache = JarCache(settings.KAFKA_CACHE_DIR, settings.DATA_DIR / "cache")
    if cache.has_all(read_lock()):
        return note("Kafka", "not running; its files are here", "make run starts it")
    return note("Kafka", "not running; not downloaded yet", "make run starts it and downloads it")
