"""Describes the portal's topics as the cluster has them."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from streaming.endpoint import Endpoint, NoKafkaRunning, required_endpoint
from streaming.kafka.admin import KafkaUnusable, LogDescription, TopicMissing, describe_log


class Command(BaseCommand):
    help = (
        "Describe the portal's topics: identity, settings, and the offsets of each partition. "
        "Exit code 1 when one is missing."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            endpoint = required_endpoint()
            found, missing = _found_and_missing(endpoint)
        except (NoKafkaRunning, KafkaUnusable) as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(_as_json(endpoint, found) if options["json"] else _text(endpoint, found))
        if missing:
            raise CommandError(" ".join(missing))


def _found_and_missing(endpoint: Endpoint) -> tuple[list[LogDescription], list[str]]:
    found, missing = [], []
    for topic in (settings.KAFKA_TOPIC, settings.KAFKA_DEAD_LETTER_TOPIC):
        try:
            found.append(describe_log(endpoint, topic))
        except TopicMissing as absent:
            missing.append(str(absent))
    return found, missing


def _as_json(endpoint: Endpoint, found: list[LogDescription]) -> str:
    kafka = {"bootstrap_servers": endpoint.bootstrap_servers, "mode": endpoint.mode}
    topics = [asdict(each) | {"message_count": each.message_count} for each in found]
    return json.dumps({"kafka": kafka, "topics": topics}, indent=2)


def _text(endpoint: Endpoint, found: list[LogDescription]) -> str:
    head = f"Kafka at {endpoint.bootstrap_servers} ({endpoint.mode})"
    return "\n\n".join([head, *("\n".join(_lines(each)) for each in found)])


def _lines(found: LogDescription) -> Iterator[str]:
    yield found.topic
    for name, value in _properties(found).items():
        yield f"  {name:<16} {value}"
    yield f"  {'partition':>9} {'from':>14} {'to':>14} {'messages':>14}"
    for each in found.partitions:
        held = each.high - each.low
        yield f"  {each.partition:>9} {each.low:>14,} {each.high:>14,} {held:>14,}"


def _properties(found: LogDescription) -> dict[str, str]:
    kept = "no" if found.cleanup_policy == "delete" else f"yes ({found.cleanup_policy})"
    return {
        "cluster id": found.cluster_id,
        "topic id": found.topic_id or "none in memory mode",
        "partitions": f"{found.partition_count}, each on {found.replication} broker(s)",
        "kept for": _kept_for(found),
        "kept up to": "any size"
        if found.retention_bytes < 0
        else f"{found.retention_bytes:,} bytes a partition",
        "compacted": kept,
        "time stamps": found.timestamp_type,
        "largest message": "any size"
        if found.max_message_bytes < 0
        else f"{found.max_message_bytes:,} bytes",
        "messages": f"{found.message_count:,}",
    }


def _kept_for(found: LogDescription) -> str:
    if not found.topic_id:
        return "as long as the stand-in runs (memory mode)"
    return "ever" if found.retention_ms < 0 else f"{found.retention_ms:,} ms"
