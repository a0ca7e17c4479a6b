"""Says how the ledger stands, in figures."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.money import plain_amount
from accounts.selectors.status import LedgerStatus, ledger_status
from streaming.log_status import LogStatus, log_status
from streaming.management.database import said_in_a_line


class Command(BaseCommand):
    help = (
        "Say what the ledger has concluded, what waits, and how far it is behind Kafka. "
        "Exit code 0 also while Kafka cannot be reached: the lag is unknown then."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        with said_in_a_line():
            ledger, log = ledger_status(), log_status()
        self.stdout.write(_as_json(ledger, log) if options["json"] else _text(ledger, log))


def _as_json(ledger: LedgerStatus, log: LogStatus) -> str:
    kafka = asdict(log)
    lag = kafka.pop("lag")
    return json.dumps(asdict(ledger) | {"lag": lag, "kafka": kafka}, indent=2)


def _text(ledger: LedgerStatus, log: LogStatus) -> str:
    figures = {name.replace("_", " "): f"{value:,}" for name, value in asdict(ledger).items()}
    total = plain_amount(ledger.total_balance_minor, currency=settings.CURRENCY)
    del figures["total balance minor"]
    figures["total balance"] = f"{total} {settings.CURRENCY}"
    figures["lag"] = "unknown" if log.lag is None else f"{log.lag:,} messages"
    figures["kafka"] = f"{log.mode}, {log.bootstrap_servers or 'no address'}"
    figures["cluster"] = log.cluster_id or "unknown"
    if log.problem:
        figures["problem"] = log.problem
    width = max(map(len, figures))
    return "\n".join(f"{name:<{width}} {value}" for name, value in figures.items())
