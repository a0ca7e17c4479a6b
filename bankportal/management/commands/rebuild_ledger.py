"""Makes the ledger anew from its log, and compares; or puts it in place."""

from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.ledger.append_only import missing_triggers
from accounts.selectors.noted import note
from bankportal.maintenance import alone_with_the_ledger
from streaming.backup import make_backup
from streaming.management.interruption import stoppable
from streaming.management.refusals import said_in_one_line
from streaming.manifest import Manifest
from streaming.occupancy import only_rebuild
from streaming.progress import Console
from streaming.rebuilding import Rebuild, rebuild
from streaming.sources import Sources


class Command(BaseCommand):
    help = (
        "Make the ledger anew from its log alone, beside the live one, and compare the two as of "
        "the start. Publishes nothing. Exit codes: 0 equal, or replaced; 1 with each difference, "
        "or refused; 130 interrupted, and nothing changed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--replace",
            action="store_true",
            help="put the new ledger in place, after a backup; everything has to be stopped",
        )
        parser.add_argument(
            "--archive",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help="an archive of a log, or the folder of a backup; may be given several times",
        )
        parser.add_argument(
            "--keep-scratch",
            action="store_true",
            help="leave the scratch tables for a look, until the next rebuild",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with stoppable(self._say) as console, said_in_one_line(), only_rebuild():
            sources = Sources(_archives(options["archive"]))
            # An empty ledger has nothing to compare with, and nothing to lose.
            is_new = not note().logs
            replaces = options["replace"] or is_new
            with alone_with_the_ledger() if replaces else nullcontext():
                if replaces and not is_new:
                    self._keep_former(console)
                with rebuild(
                    sources,
                    console=console,
                    gives_way=not replaces,
                    keep=options["keep_scratch"],
                ) as made:
                    count = self._compare(made)
                    if replaces:
                        self._replace(made, console)
        if count and not replaces:
            raise CommandError(f"The ledger is not what its log says: {count:,} differences.")

    def _keep_former(self, console: Console) -> None:
        if settings.DATABASE_URL:
            # The tables themselves are kept, at the end.
            return
        kept, _manifest = make_backup(
            settings.DATA_DIR / "backups", console=console, with_log=False
        )
        self.stdout.write(f"A backup of the database as it was: {kept}")

    def _compare(self, made: Rebuild) -> int:
        made.post(made.noted.next_offsets())
        if not made.noted.is_live:
            return 0
        count = 0
        for difference in made.differences():
            self.stdout.write(str(difference))
            count += 1
        if not count:
            self.stdout.write(
                f"Equal: {made.messages:,} messages make the ledger that there is, with the same "
                "chain."
            )
        return count

    def _replace(self, made: Rebuild, console: Console) -> None:
        for name in missing_triggers(connection):
            self.stdout.write(f"Trigger {name} is missing or altered; it is put back.")
        made.post_to_the_end()
        console.heed()
        former = made.put_in_place()
        if former:
            self.stdout.write(f"The tables that were replaced are kept in the schema {former}.")
        self.stdout.write(f"The rebuilt ledger is in place: {made.messages:,} messages.")

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
        self.stderr.flush()


def _archives(named: list[Path]) -> list[Path]:
    """Give the files that are named, those of a backup in place of its folder."""
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            found += [path / each.file.name for each in Manifest.read(path).archives]
        else:
            found.append(path)
    return found
