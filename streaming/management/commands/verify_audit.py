"""Verifies the audit log."""

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services.verification_results import note_verification
from accounts.verification.audit import Anchor, AuditVerification
from streaming.management.database import said_in_a_line
from streaming.management.interruption import stoppable
from streaming.progress import Console, Progress

ON_TERMINAL_S, ELSEWHERE_S = 1.0, 15.0


class Command(BaseCommand):
    help = (
        "Verify the audit log: each record by its hash, that none is missing, that the chain does "
        "not fork, its end, and the triggers that keep it. May run while others write. Prints its "
        "last number and hash, an anchor to keep elsewhere. Exit codes: 0 all agrees; 1 something "
        "does not, each thing said on a line; 75 the database could not be asked, so try again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            type=_anchor,
            metavar="ID:HASH",
            help="that an earlier run has printed; may be given several times",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with stoppable(self._say) as console, said_in_a_line():
            self._verify(options["anchor"], console)

    def _verify(self, anchors: list[Anchor], console: Console) -> None:
        verification = AuditVerification(anchors)
        every_s = ON_TERMINAL_S if sys.stderr.isatty() else ELSEWHERE_S
        progress = Progress(console, "Verified", verification.end.record_id, say_every_s=every_s)
        found = 0
        for discrepancy in verification.run(progress.advance):
            self.stdout.write(str(discrepancy))
            found += 1
        if not note_verification("audit", found):
            self._say("The database takes no note of this result, so no alert knows of it.")
        for note in verification.notes:
            self.stdout.write(note)
        if (more := verification.note_count - len(verification.notes)) > 0:
            self.stdout.write(f"Note: {more:,} more such.")
        if found:
            raise CommandError(f"{found:,} discrepancies." if found > 1 else "One discrepancy.")
        for each in anchors:
            self.stdout.write(f"The anchor of record {each.record_id:,} is in it.")
        self.stdout.write(
            f"The audit log agrees with itself: {verification.record_count:,} records."
        )
        self.stdout.write(f"Anchor: {verification.end}")

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
        self.stderr.flush()


def _anchor(text: str) -> Anchor:
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no anchor as verify_audit prints it, ID:HASH")
    return Anchor(int(found[1]), bytes.fromhex(found[2]))
