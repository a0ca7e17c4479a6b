"""Writes transactions as CSV."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import date
from io import TextIOWrapper
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.csv_rows import HEADER, csv_text, entry_rows
from accounts.events import is_account_number
from accounts.models import Entry, ObjectKind
from accounts.selectors.accounts import is_anybodys
from accounts.selectors.exports import exported_pages
from accounts.selectors.filters import Filter
from accounts.selectors.periods import DATES
from accounts.services.audit import Subject, record_export
from streaming.management.database import said_in_a_line


class Command(BaseCommand):
    help = (
        "Write transactions as CSV to standard output, by business date and ledger order: "
        "amounts positive with a point, dates as YYYY-MM-DD, times in UTC, all in UTF-8. Exit code "
        "1 for an account that does not exist."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", default="", help="only this account")
        parser.add_argument(
            "--from", dest="first", type=_day, help="only from this business date, YYYY-MM-DD"
        )
        parser.add_argument(
            "--to", dest="last", type=_day, help="only up to this business date, YYYY-MM-DD"
        )
        parser.add_argument(
            "--all-entries",
            action="store_true",
            help="also entries that move no money, such as the opening of an account",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = _filter(options)
        if isinstance(sys.stdout, TextIOWrapper):
            # A file is to be the same wherever it is made.
            sys.stdout.reconfigure(encoding="utf-8")
        try:
            with said_in_a_line():
                _refuse_nobodys(options["account"])
                about = Subject(ObjectKind.TRANSACTIONS, "")
                record_export(about, written="csv", query=wanted.to_query())
                self._write(wanted)
        except BrokenPipeError:
            _forget_standard_output()

    def _write(self, wanted: Filter) -> None:
        self.stdout.write(csv_text([HEADER]), ending="")
        for page in _pages(wanted):
            self.stdout.write(csv_text(entry_rows(page)), ending="")
        self.stdout.flush()


def _filter(options: dict[str, Any]) -> Filter:
    account, first, last = options["account"], options["first"], options["last"]
    if account and not is_account_number(account):
        raise CommandError(f"{account!r} is no account number.")
    if first and last and first > last:
        raise CommandError(f"--from {first} is after --to {last}.")
    accounts = (account,) if account else ()
    return Filter(DATES, first, last, accounts, all_entries=options["all_entries"])


def _refuse_nobodys(account: str) -> None:
    if account and not is_anybodys(account):
        raise CommandError(f"There is no account {account!r}. See that it is written as filed.")


def _pages(wanted: Filter) -> Iterator[list[Entry]]:
    return exported_pages(wanted.narrowed(Entry.objects.all()), wanted)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date of the form YYYY-MM-DD") from None


def _forget_standard_output() -> None:
    """Let the process end in silence when its reader, ``head`` say, had enough."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
