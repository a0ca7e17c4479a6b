"""What the commands that decide about dead letters share: choosing them, going through them."""

import getpass
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import QuerySet

from accounts.events import is_account_number
from accounts.models import DeadLetter, DeadReason
from accounts.selectors.dead_letters import DeadLetterFilter, in_batches, place_of, undecided
from accounts.services.dead_letters import NAME_LENGTH, ReasonRefused, Verdict
from streaming.management.database import said_in_a_line
from streaming.management.interruption import stoppable

GREATEST_OFFSET = 2**63 - 1
_FILTERS = ("log", "partition", "offsets", "reason_code", "account", "transaction", "first", "last")

# Decides about the dead letters of these ids, one short transaction.
Decide = Callable[[Sequence[int]], Sequence[Verdict]]
# Says why not, "" where it could be done, without doing it.
Foresee = Callable[[Sequence[DeadLetter]], Mapping[int, str]]


def add_choice(parser: ArgumentParser) -> None:
    """Add the arguments that say which dead letters are meant, and who decides."""
    parser.add_argument(
        "places", nargs="*", type=_place, metavar="PARTITION:OFFSET", help="these, as in 3:1024"
    )
    parser.add_argument("--all", action="store_true", help="all that nobody has decided about")
    parser.add_argument("--reason-code", choices=DeadReason.values, help="only of this reason")
    parser.add_argument("--account", type=_account, help="only with this account for a key")
    parser.add_argument("--transaction", type=_identifier, help="only with this transaction id")
    parser.add_argument(
        "--from", dest="first", type=_day, help="only appended from this day on, YYYY-MM-DD"
    )
    parser.add_argument(
        "--to", dest="last", type=_day, help="only appended up to this day, YYYY-MM-DD"
    )
    parser.add_argument("--partition", type=_number, help="only of this partition")
    parser.add_argument(
        "--offsets", type=_offsets, metavar="FIRST-LAST", help="only of these offsets"
    )
    parser.add_argument("--log", type=_number, help="only of the log of this id, as in the admin")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--by", type=_name, help="who decides; you, unless told")


def name_of_who_decides(options: Mapping[str, Any]) -> str:
    """Give the name given, else that of the system's user."""
    if options["by"]:
        return str(options["by"])
    try:
        return _name(getpass.getuser())
    except (ArgumentTypeError, KeyError, OSError) as unknown:
        raise CommandError("The system does not say who you are: give --by NAME.") from unknown


def go_through(
    options: Mapping[str, Any],
    write: Callable[[str], None],
    *,
    decide: Decide,
    foresee: Foresee,
    done: str,
) -> None:
    """Decide about the chosen ones in batches, or say what would be; fail with each refusal.

    May be stopped between two batches and run again: what is decided stays so.
    """
    counts = {True: 0, False: 0}
    try:
        with said_in_a_line(), stoppable(write) as console:
            for batch in in_batches(_chosen(options)):
                console.heed()
                verdicts = _foreseen(batch, foresee) if options["dry_run"] else decide(batch)
                for each in verdicts:
                    counts[each.is_done] += 1
                    if each.refusal:
                        write(f"{each.place}: {each.refusal}")
                    elif options["dry_run"]:
                        write(f"{each.place}: would be {done}")
    except ReasonRefused as refused:
        raise CommandError(str(refused)) from refused
    would = "would be " if options["dry_run"] else ""
    summary = f"{counts[True]:,} {would}{done}, {counts[False]:,} refused."
    if counts[False]:
        raise CommandError(summary)
    write(summary)


def _foreseen(batch: Sequence[int], foresee: Foresee) -> list[Verdict]:
    letters = list(DeadLetter.objects.filter(pk__in=batch).order_by("pk"))
    refusals = foresee(letters)
    return [Verdict(place_of(each), refusals[each.pk]) for each in letters]


def _chosen(options: Mapping[str, Any]) -> QuerySet[DeadLetter]:
    is_narrowed = any(options[name] is not None for name in _FILTERS if name != "log")
    ways = [bool(options["places"]), options["all"], is_narrowed]
    if sum(ways) != 1:
        raise CommandError(
            "Say which dead letters: places such as 3:1024, or filters such as --reason-code, or "
            "--all; one of the three."
        )
    if options["places"]:
        return _at_places(options["places"], options["log"])
    if options["first"] and options["last"] and options["first"] > options["last"]:
        raise CommandError(f"--from {options['first']} is after --to {options['last']}.")
    if options["offsets"] and options["partition"] is None:
        raise CommandError("Offsets are of a partition: give --partition as well.")
    wanted = DeadLetterFilter(
        log_id=options["log"],
        partition=options["partition"],
        offsets=options["offsets"],
        reason=options["reason_code"] or "",
        account=options["account"] or "",
        transaction_id=options["transaction"],
        first=options["first"],
        last=options["last"],
    )
    return undecided(wanted.applied_to(DeadLetter.objects.all()))


def _at_places(places: Sequence[tuple[int, int]], log_id: int | None) -> QuerySet[DeadLetter]:
    chosen = []
    for partition, offset in dict.fromkeys(places):
        there = DeadLetterFilter(log_id=log_id, partition=partition, offsets=(offset, offset))
        found = list(there.applied_to(DeadLetter.objects.order_by("pk")).values_list("pk", "log"))
        if not found:
            raise CommandError(f"There is no dead letter at {partition}:{offset}.")
        if len(found) > 1:
            logs = ", ".join(str(log) for _pk, log in found)
            raise CommandError(
                f"There is a dead letter at {partition}:{offset} in each of the logs {logs}: "
                "say which with --log."
            )
        chosen.append(found[0][0])
    return DeadLetter.objects.filter(pk__in=chosen)


def _place(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,19})", text)
    if found is None or int(found[2]) > GREATEST_OFFSET:
        raise ArgumentTypeError(f"{text!r} is no place of the form PARTITION:OFFSET, as in 3:1024")
    return int(found[1]), int(found[2])


def _offsets(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,19})-([0-9]{1,19})", text)
    if found is None or not int(found[1]) <= int(found[2]) <= GREATEST_OFFSET:
        raise ArgumentTypeError(f"{text!r} is no range of offsets, as in 1000-1999")
    return int(found[1]), int(found[2])


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _account(text: str) -> str:
    if not is_account_number(text):
        raise ArgumentTypeError(f"{text!r} is no account number")
    return text


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no transaction id") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date of the form YYYY-MM-DD") from None


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > NAME_LENGTH:
        raise ArgumentTypeError(f"give a name of 1 to {NAME_LENGTH} characters")
    return text.strip()
