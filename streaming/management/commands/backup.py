"""Backs up the database and the log beside everything that runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError

from accounts.database_troubles import said_plainly
from accounts.models import Act
from accounts.services.audit import Deed, about_file, record_alone
from streaming.backup import make_backup
from streaming.management.interruption import stoppable
from streaming.management.refusals import said_in_one_line
from streaming.manifest import Manifest


class Command(BaseCommand):
    help = (
        "Make a backup: a copy of the database as of one moment, an archive of the log, and a "
        "manifest. Nothing needs to be stopped. Exit codes: 0 made, 1 otherwise, 130 interrupted; "
        "nothing of it stays then."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder",
            nargs="?",
            type=Path,
            metavar="FOLDER",
            help="where backups are kept, each in a folder of its own (default: DATA_DIR/backups)",
        )
        parser.add_argument(
            "--without-log",
            action="store_true",
            help="keep the database alone, as while Kafka is away",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["folder"] or settings.DATA_DIR / "backups"
        with stoppable(self._say) as console, said_in_one_line():
            made, manifest = make_backup(
                folder, console=console, with_log=not options["without_log"]
            )
        for line in _report(made, manifest):
            self.stdout.write(line)
        self._record(made, manifest)

    def _record(self, made: Path, manifest: Manifest) -> None:
        """Write into the audit log that all of the bank's data was copied.

        The backup stays where that cannot be: it is made for bad days.
        """
        after = {"with_log": bool(manifest.archives)}
        deed = Deed(act=Act.BACKUP, about=about_file(made.name), after=after)
        try:
            record_alone(deed)
        except DatabaseError as reason:
            self._say(f"The audit log could not be told of the backup. {said_plainly(reason)}")

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
        self.stderr.flush()


def _report(made: Path, manifest: Manifest) -> list[str]:
    lines = [f"Backup: {made}"]
    if manifest.database is None:
        lines.append(
            "The database is PostgreSQL, and not in it: back it up with its own means (pg_dump, "
            "or a base backup with WAL archiving) before each of these."
        )
    else:
        lines.append(f"{manifest.database.name}: {manifest.database.size:,} bytes")
    lines += [
        f"{archive.file.name}: {archive.messages:,} messages, {archive.file.size:,} bytes"
        for archive in manifest.archives
    ]
    lines += [
        f"Log {each.log.number} ({each.log.topic}) is not wholly in this backup, which alone "
        "cannot rebuild the ledger."
        for each in manifest.logs
        if not each.is_whole
    ]
    return lines
