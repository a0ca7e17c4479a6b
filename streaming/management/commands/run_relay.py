"""Publishes the outbox to Kafka in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from streaming.relay import relay
from streaming.stopping import EXIT_DELIBERATE, DeliberateStop, StopRequest


class Command(BaseCommand):
    help = (
        "Publish what agents submitted to Kafka until interrupted. Exit codes: 0 stopped as "
        "asked, 75 the same may succeed later, 78 somebody has to decide first."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            relay(StopRequest().listen())
        except DeliberateStop as reason:
            raise CommandError(str(reason), returncode=EXIT_DELIBERATE) from reason
