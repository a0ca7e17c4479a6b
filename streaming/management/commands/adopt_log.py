"""Lets the ledger go on with the log that is there now, where it is not the one before."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services.adoption import NotAdopted
from streaming.adoption import adopt
from streaming.endpoint import NoKafkaRunning
from streaming.kafka.admin import KafkaUnusable
from streaming.management.database import said_in_a_line
from streaming.management.dead_letters import name_of_who_decides
from streaming.occupancy import Occupied, in_use
from streaming.stopping import EXIT_DELIBERATE, DeliberateStop


class Command(BaseCommand):
    help = (
        "Let the ledger go on with the log that Kafka has now: another cluster or topic, or the "
        "same one cut or incomplete. Everything in it is read; what has an outcome gets no second "
        "one. Recorded with who, when and why. Exit codes: 1 Kafka or the database could not be "
        "asked, 78 refused."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="why, for those who ask later")
        parser.add_argument("--by", default="", help="who decides; you, unless told")

    def handle(self, *args: Any, **options: Any) -> None:
        by = name_of_who_decides(options)
        try:
            with said_in_a_line(), in_use():
                adopted = adopt(reason=options["reason"], by=by)
        except (NotAdopted, DeliberateStop) as refusal:
            raise CommandError(str(refusal), returncode=EXIT_DELIBERATE) from refusal
        except (NoKafkaRunning, KafkaUnusable, Occupied) as failure:
            raise CommandError(str(failure)) from failure
        for line in adopted.lines():
            self.stdout.write(line)
