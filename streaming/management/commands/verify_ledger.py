"""Verifies the ledger against its log and against itself."""

import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.ledger.append_only import missing_triggers, set_triggers
from accounts.ledger.identity import current_log
from accounts.models import Log
from accounts.services.verification_results import note_verification
from accounts.verification import (
    Discrepancy,
    Messages,
    NoRoomForIds,
    Verification,
    folder_of_ids,
)
from streaming.endpoint import NoKafkaRunning, current_endpoint, required_endpoint
from streaming.kafka.errors import KafkaUnusable
from streaming.management.database import said_in_a_line
from streaming.management.interruption import stoppable
from streaming.progress import Console, Progress
from streaming.stopping import EXIT_TRY_AGAIN
from streaming.verifying import OtherLogThere, messages_of

# Of the ids that were met, where other systems make them up; seen with a million.
BYTES_OF_AN_ID = 61
ON_TERMINAL_S, ELSEWHERE_S = 1.0, 15.0


class Command(BaseCommand):
    help = (
        "Compare the ledger with its log, message by message, and with itself: rows, chain, "
        "balances, totals, positions, outbox, constraints and triggers. May run beside the "
        "consumers. Exit codes: 0 all agrees; 1 something does not, each thing said on a line; "
        "75 Kafka or the database could not be asked, or a temporary file had no room, so try "
        "again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--without-log",
            action="store_true",
            help="check the rows by themselves, where Kafka cannot be had",
        )
        parser.add_argument(
            "--set-triggers",
            action="store_true",
            help="name missing triggers as always, and put them back at the end",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with stoppable(self._say) as console, said_in_a_line():
                self._verify(options, console)
        except (KafkaUnusable, NoKafkaRunning) as reason:
            raise CommandError(
                f"{reason} Rows were not compared with the log; --without-log checks the rest.",
                returncode=EXIT_TRY_AGAIN,
            ) from reason

    def _verify(self, options: dict[str, Any], console: Console) -> None:
        with ExitStack() as stack:
            messages, found = self._messages(options, stack)
            verification = Verification(messages)
            progress = _progress(console, verification.noted.row_count)
            try:
                for discrepancy in verification.run(progress.advance):
                    self.stdout.write(str(discrepancy))
                    found += 1
            except NoRoomForIds as reason:
                self._give_up(found, reason)
        if options["set_triggers"] and missing_triggers(connection):
            with connection.schema_editor() as editor:
                set_triggers(None, editor)
            self.stdout.write("The triggers are in place again.")
        self._conclude(verification, found)

    def _give_up(self, found: int, reason: NoRoomForIds) -> NoReturn:
        if found:
            note_verification("ledger", found)
        raise CommandError(
            f"There was no room for the temporary file in {folder_of_ids()} ({reason}), so what "
            f"was left is not verified. It takes {BYTES_OF_AN_ID} bytes a row: make room there, or "
            "set TMPDIR to a folder on a larger disk, and try again."
            + (f" Until there: {found:,} discrepancies." if found else ""),
            # What was found does not go away by trying again.
            returncode=1 if found else EXIT_TRY_AGAIN,
        ) from reason

    def _messages(self, options: dict[str, Any], stack: ExitStack) -> tuple[Messages | None, int]:
        """Give what reads the log, where it is to be read, and the number of discrepancies."""
        log = current_log()
        if log is None or options["without_log"]:
            return None, 0
        if log.is_memory:
            return None, self._say_where_kafka_is_real(log)
        try:
            return stack.enter_context(messages_of(log, required_endpoint())), 0
        except OtherLogThere as reason:
            self.stdout.write(str(Discrepancy(what=str(reason), topic=log.topic)))
            return None, 1

    def _say_where_kafka_is_real(self, log: Log) -> int:
        endpoint = current_endpoint()
        if endpoint is None or endpoint.mode == "memory":
            return 0
        what = "the ledger says that memory mode filled it, and a real Kafka is running"
        self.stdout.write(str(Discrepancy(what=what, topic=log.topic)))
        return 1

    def _conclude(self, verification: Verification, found: int) -> None:
        if not note_verification("ledger", found):
            self._say("The database takes no note of this result, so no alert knows of it.")
        for log in verification.unread_logs:
            why = "memory mode keeps none" if log.is_memory else "it was not read"
            self.stdout.write(
                f"Rows of the log {log} were checked by their chain and balances, and not "
                f"compared with their messages: {why}."
            )
        if verification.set_aside:
            self.stdout.write(
                f"{verification.set_aside:,} messages are dead letters of an earlier release, and "
                "would be events to this one: see what was decided about them."
            )
        if verification.unsubmitted:
            self.stdout.write(
                "Entries that are the portal's by what they say, without a submission here: "
                f"{verification.unsubmitted:,}. They are from before a restore, or somebody else "
                "published them."
            )
        if found:
            raise CommandError(f"{found:,} discrepancies." if found > 1 else "One discrepancy.")
        noted = verification.noted
        self.stdout.write(
            f"The ledger agrees with its log and with itself, up to entry {noted.entry_id:,}."
        )

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
        self.stderr.flush()


def _progress(console: Console, total: int) -> Progress:
    # Where nobody watches, only what takes long says how far it is.
    every_s = ON_TERMINAL_S if sys.stderr.isatty() else ELSEWHERE_S
    return Progress(console, "Verified", total, say_every_s=every_s)
