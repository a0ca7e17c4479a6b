"""Lets customers come to the counter of the demonstration, one after the other."""

import logging
from argparse import ArgumentParser
from random import Random
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from accounts.database_troubles import CANNOT_SERVE
from accounts.demo.trickle import submit_something
from streaming.database_away import DatabaseAway
from streaming.stopping import StopRequest

log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 30.0


class Command(BaseCommand):
    help = (
        "Submit some deposits and withdrawals a minute as tellers of the demonstration, until "
        "asked to stop; exit code 0 then."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--per-minute", type=float, default=12.0, help="how many on average (default: 12)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = StopRequest().listen()
        database_away = DatabaseAway(stop)
        random = Random()  # noqa: S311 - nothing secret is made of it
        rate_s = max(options["per_minute"], 0.1) / 60
        while not stop.wait(min(random.expovariate(rate_s), _LONGEST_PAUSE_S)):
            _submit(random, database_away)


def _submit(random: Random, database_away: DatabaseAway) -> None:
    close_old_connections()
    try:
        submission = submit_something(random)
    except CANNOT_SERVE as reason:
        database_away.wait(reason)
    else:
        database_away.is_back()
        if submission is None:
            log.warning("There is no account of the demonstration yet: run manage.py load_demo.")
