"""Records that dead letters are left as they are."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, no_translations

from accounts.selectors.redrives import discard_refusals
from accounts.services.dead_letters import discard
from streaming.management.dead_letters import add_choice, go_through, name_of_who_decides


class Command(BaseCommand):
    help = (
        "Record that dead letters are left as they are, with the reason and who decided it. Their "
        "bytes are kept. May be repeated. Exit codes: 0 all of them, 1 some were refused, each "
        "said, 75 the database could not serve, 130 interrupted."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_choice(parser)
        parser.add_argument("--reason", required=True, help="why, to be kept with the decision")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        name = name_of_who_decides(options)
        go_through(
            options,
            self.stdout.write,
            decide=lambda batch: discard(batch, by=name, reason=options["reason"]),
            foresee=discard_refusals,
            done="discarded",
        )
