"""Publishes dead letters once more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, no_translations

from accounts.selectors.redrives import redrive_refusals
from accounts.services.dead_letters import redrive
from streaming.management.dead_letters import add_choice, go_through, name_of_who_decides


class Command(BaseCommand):
    help = (
        "Publish dead letters once more, as new messages with their original key and bytes, and "
        "record who decided it. Refused is what would be dead again. May be repeated. Exit codes: "
        "0 all of them, 1 some were refused, each said, 75 the database could not serve, 130 "
        "interrupted."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_choice(parser)
        parser.add_argument("--reason", default="", help="why, to be kept with the decision")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        name = name_of_who_decides(options)
        go_through(
            options,
            self.stdout.write,
            decide=lambda batch: redrive(batch, by=name, reason=options["reason"]),
            foresee=redrive_refusals,
            done="redriven",
        )
