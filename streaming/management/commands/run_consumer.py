"""Posts the log to the ledger in the foreground."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from streaming.consumer import consume
from streaming.management.metrics_port import add_metrics_port
from streaming.metrics import OF_CONSUMER
from streaming.occupancy import Occupied, in_use
from streaming.scraping import scraped
from streaming.stopping import EXIT_DELIBERATE, EXIT_TRY_AGAIN, DeliberateStop, StopRequest
from streaming.telemetry import spans_sent


class Command(BaseCommand):
    help = (
        "Post submissions from Kafka to the ledger until interrupted. Several may run. Exit "
        "codes: 0 stopped as asked, 75 the same may succeed later, 78 somebody has to decide first."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--member",
            default="",
            help="a name that only this consumer has, which makes a restart after a kill quick",
        )
        add_metrics_port(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with (
                in_use(),
                scraped(options["metrics_port"], OF_CONSUMER),
                spans_sent("consumer"),
            ):
                consume(StopRequest().listen(), member=options["member"])
        except Occupied as reason:
            raise CommandError(str(reason), returncode=EXIT_TRY_AGAIN) from reason
        except DeliberateStop as reason:
            raise CommandError(str(reason), returncode=EXIT_DELIBERATE) from reason
