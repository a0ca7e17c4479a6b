"""Loads the demonstration."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from streaming.bulk import LedgerStands
from streaming.counting import counted
from streaming.demonstration import load_demonstration
from streaming.kafka.producer import NotDelivered
from streaming.management.database import said_in_a_line
from streaming.management.interruption import stoppable
from streaming.stopping import EXIT_DELIBERATE, EXIT_TRY_AGAIN, DeliberateStop


class Command(BaseCommand):
    help = (
        "Fill a bank for a demonstration: 3 branches, 300 accounts and 18 months of made-up "
        "history up to now, published and posted like any other. May be repeated without effect. "
        "Exit codes: 0 all of it is in the ledger; 75 and 130 it did not come to its end, and is "
        "safe to run again; 78 it must not be loaded on this Kafka."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with stoppable(self._say) as console, said_in_a_line(EXIT_TRY_AGAIN):
                count = load_demonstration(console=console)
        except DeliberateStop as reason:
            raise CommandError(str(reason), returncode=EXIT_DELIBERATE) from reason
        except (LedgerStands, NotDelivered) as reason:
            raise CommandError(str(reason), returncode=EXIT_TRY_AGAIN) from reason
        self.stdout.write(
            f"The demonstration is loaded: {counted(count, 'event')}, the others known."
        )

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
        self.stderr.flush()
