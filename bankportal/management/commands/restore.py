"""Puts the database of a backup in place."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bankportal.maintenance import alone_with_the_ledger
from bankportal.start import database_path
from streaming.management.refusals import said_in_one_line
from streaming.restoring import Restored, restore_database


class Command(BaseCommand):
    help = (
        "Put the database of a backup in place, and keep the present one beside it. Everything "
        "that uses the database has to be stopped. The next run_consumer catches up with Kafka. "
        "Exit codes: 0 done; 1 refused, and nothing changed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="of one backup")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DATABASE_URL:
            raise CommandError(
                "The database is PostgreSQL: restore it with the means that back it up "
                "(pg_restore, or recovery to a point in time). manage.py run_consumer then "
                "catches up with Kafka."
            )
        with said_in_one_line(), alone_with_the_ledger():
            restored = restore_database(options["folder"], database_path())
        for line in _report(restored):
            self.stdout.write(line)


def _report(restored: Restored) -> list[str]:
    lines = ["The database of the backup is in place."]
    if restored.former is not None:
        lines.append(f"The former one is kept: {restored.former}")
    carried = restored.carried
    if carried is None:
        lines.append(f"Nothing was carried over from the former database: {restored.reason}.")
    else:
        lines.append(
            f"Carried over, of what came after the backup: {carried.submissions:,} submissions, "
            f"which wait to be published again, and {carried.accounts:,} accounts."
        )
        if carried.audit_reason:
            lines.append(
                f"The audit log was not carried on: {carried.audit_reason}. Keep the former "
                "database, which has it."
            )
        else:
            lines.append(
                f"The audit log goes on whole: {carried.audit_records:,} records are from after "
                "the backup."
            )
        if carried.left:
            lines.append(
                f"Not carried over: {carried.left:,} submissions by agents whom the backup does "
                "not know. They are in the former database."
            )
    lines.append("Start the portal: it brings the database up to date and reads on in Kafka.")
    return lines
