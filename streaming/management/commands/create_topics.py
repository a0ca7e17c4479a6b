"""Creates the topics of the portal, and puts right those that exist."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from streaming.endpoint import NoKafkaRunning, required_endpoint
from streaming.kafka.admin import KafkaUnusable, ensure_topics
from streaming.kafka.topics import Difference, TopicReport
from streaming.stopping import EXIT_DELIBERATE


class Command(BaseCommand):
    help = (
        "Create the topics that the portal needs, or check and correct those that exist. "
        "May be repeated. Exit codes: 1 Kafka could not be asked, 78 something is left that "
        "only people can put right."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            endpoint = required_endpoint()
            reports = ensure_topics(endpoint)
        except (NoKafkaRunning, KafkaUnusable) as failure:
            raise CommandError(str(failure)) from failure
        for report in reports:
            for line in _lines(report):
                self.stdout.write(line)
        if not all(report.is_as_wanted for report in reports):
            raise CommandError(
                f"Topics on {endpoint.bootstrap_servers} are not all as the settings say.",
                returncode=EXIT_DELIBERATE,
            )


def _lines(report: TopicReport) -> list[str]:
    state = "created" if report.created else "exists"
    first = f"{report.topic}: {state}, {report.partition_count} partitions"
    return [first, *(f"  {_sentence(each)}" for each in report.differences)]


def _sentence(difference: Difference) -> str:
    if difference.corrected:
        return f"{difference.setting} was {difference.found}, corrected to {difference.wanted}"
    return (
        f"{difference.setting} is {difference.found} and should be {difference.wanted}; "
        "left alone, since changing it moves or copies what the topic holds"
    )
