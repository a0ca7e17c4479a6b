"""Says what is missing or in the way."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bankportal.doctor import Finding, Level, examine


class Command(BaseCommand):
    help = (
        "Look for what is missing or in the way, and say the remedy. Exit code 1 when there is "
        "a fault."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
        for finding in examine():
            self.stdout.write(_line(finding))
            faults += finding.level is Level.FAULT
        if faults:
            raise CommandError(f"{faults} found." if faults > 1 else "One fault found.")


def _line(finding: Finding) -> str:
    line = f"{finding.level:<6} {finding.subject:<13} {finding.text}"
    return f"{line}\n{'':<21}{finding.remedy}" if finding.remedy else line
