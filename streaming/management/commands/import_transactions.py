"""Imports a history file."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.history import (
    HistoryChanged,
    HistoryFile,
    HistoryNotUsable,
    Survey,
    open_history,
)
from accounts.models import Act, Branch
from accounts.money import decimals_of
from accounts.services.audit import Deed, about_file, record_alone
from streaming.bulk import LedgerStands
from streaming.counting import counted
from streaming.importing import Imported, check_history, import_history
from streaming.kafka.producer import NotDelivered
from streaming.management.database import said_in_a_line
from streaming.management.interruption import stoppable
from streaming.progress import Console
from streaming.stopping import EXIT_DELIBERATE, EXIT_TRY_AGAIN, DeliberateStop

# Agents, and what works for them, go first where the processors are short.
NICENESS: Final = 10


class Command(BaseCommand):
    help = (
        "Publish a history file (transaction_date;account;transaction_value;balance) or the "
        "SQLite file of the system in use until now, wait for the ledger to post it, and "
        "compare the file's balances with the ledger's. May be repeated without effect. "
        "Exit codes: 0 all of it is in the ledger and the balances agree; 1 the file wants a "
        "person's look, each reason said; 75 and 130 it did not come to its end, and is safe to "
        "run again; 78 it must not be run on this Kafka."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--rate", type=_rate, help="publish at most this many rows a second")
        parser.add_argument(
            "--skip-bad-lines",
            action="store_true",
            help="import what is good; without it, one bad line stops everything",
        )
        parser.add_argument(
            "--branch",
            default="",
            metavar="CODE",
            help="which branch gets the accounts that no branch has (default: the first)",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        # Of a process of its own, and of no other that calls the command.
        os.nice(NICENESS)
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with stoppable(self._say) as console, said_in_a_line(EXIT_TRY_AGAIN):
                self._import(options, console)
        except (HistoryNotUsable, HistoryChanged) as reason:
            raise CommandError(f"{options['file']}: {reason}") from reason
        except DeliberateStop as reason:
            raise CommandError(str(reason), returncode=EXIT_DELIBERATE) from reason
        except (LedgerStands, NotDelivered) as reason:
            raise CommandError(str(reason), returncode=EXIT_TRY_AGAIN) from reason

    def _import(self, options: dict[str, Any], console: Console) -> None:
        path: Path = options["file"]
        _refuse_own_database(path)
        branch = _branch(options["branch"])
        with open_history(path, decimals=decimals_of(settings.CURRENCY)) as history:
            found = self._checked(history, console, skip=options["skip_bad_lines"])
            after = {"rows": found.row_count, "branch": branch.code if branch else None}
            record_alone(Deed(act=Act.IMPORT, about=about_file(path.name), after=after))
            result = import_history(
                history, found, branch=branch, rate=options["rate"], console=console
            )
        self._report(found, result)

    def _checked(self, history: HistoryFile, console: Console, *, skip: bool) -> Survey:
        found = check_history(history, console=console)
        for bad in found.bad_lines:
            self._say(str(bad))
        if (unnamed := found.bad_count - len(found.bad_lines)) > 0:
            self._say(f"And {counted(unnamed, 'more bad line')}.")
        if found.bad_count and not skip:
            raise CommandError(
                f"Bad lines: {found.bad_count:,}. Nothing was published. Correct the file, or "
                "leave them out with --skip-bad-lines."
            )
        if not found.row_count:
            raise CommandError("The file has no good line. Nothing was published.")
        return found

    def _report(self, found: Survey, result: Imported) -> None:
        self.stdout.write(
            f"{counted(found.row_count, 'row')}: {result.new:,} new, {result.known:,} already in "
            f"the ledger. {counted(result.opened, 'account')} opened, "
            f"{counted(found.bad_count, 'bad line')} left out."
        )
        if result.overdrawn:
            left = counted(result.overdrawn, "row leaves its", "rows leave their")
            self.stdout.write(f"{left} account overdrawn.")
        if result.agrees:
            self.stdout.write("The balances of the file and of the ledger agree.")
            return
        for difference in result.differences:
            self._say(str(difference))
        raise CommandError(
            f"Rows that differ from the ledger: {result.difference_count:,}; the first are above."
        )

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
        self.stderr.flush()


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0
    if not 0 < rate < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number of rows a second above zero")
    return rate


def _branch(code: str) -> Branch | None:
    if not code:
        return Branch.objects.order_by("id").first()
    branch = Branch.objects.filter(code=code).first()
    if branch is None:
        known = ", ".join(Branch.objects.order_by("id").values_list("code", flat=True))
        raise CommandError(f"There is no branch {code!r}. There are: {known or 'none'}.")
    return branch


def _refuse_own_database(path: Path) -> None:
    # Opening it as a file and closing it again would drop the locks that SQLite holds on it.
    try:
        is_own = connection.vendor == "sqlite" and path.samefile(connection.settings_dict["NAME"])
    except OSError:
        return
    if is_own:
        raise CommandError(f"{path} is the portal's own database.")
