"""Creates the topics of the portal, and puts right those that exist."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from streaming.endpoint import NoKafkaRunning, required_endpoint
from streaming.kafka.admin import Barred, KafkaUnusable, SettingsRefused, ensure_topics
from streaming.kafka.topics import Difference, TopicReport
from streaming.stopping import EXIT_DELIBERATE, EXIT_TRY_AGAIN, StopRequest
from streaming.waiting import KNOCK_AGAIN_S

ASK_AGAIN_S = 1.0


class Command(BaseCommand):
    help = (
        "Create the topics that the portal needs, or check and correct those that exist. "
        "May be repeated. Exit codes: 1 Kafka could not be asked, 78 something is left that "
        "only people can put right."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--wait", action="store_true", help="wait, saying so, for a Kafka that cannot be asked"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reports = self._after_waiting() if options["wait"] else _reports()
        except SettingsRefused as failure:
            raise CommandError(str(failure), returncode=EXIT_DELIBERATE) from failure
        except (NoKafkaRunning, KafkaUnusable) as failure:
            raise CommandError(str(failure)) from failure
        for report in reports:
            for line in _lines(report):
                self.stdout.write(line)
        if not all(report.is_as_wanted for report in reports):
            raise CommandError(
                "The topics are not all as the settings say.", returncode=EXIT_DELIBERATE
            )

    def _after_waiting(self) -> Sequence[TopicReport]:
        stop, said = StopRequest().listen(), False
        while not stop.is_set():
            try:
                return _reports()
            except SettingsRefused:
                raise
            except (NoKafkaRunning, KafkaUnusable) as reason:
                if not said:
                    self.stdout.write(f"Waiting for Kafka: {reason}")
                    self.stdout.flush()
                said = True
                stop.wait(KNOCK_AGAIN_S if isinstance(reason, Barred) else ASK_AGAIN_S)
        raise CommandError("Asked to stop before Kafka answered.", returncode=EXIT_TRY_AGAIN)


def _reports() -> Sequence[TopicReport]:
    return ensure_topics(required_endpoint())


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
