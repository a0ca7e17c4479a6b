"""Says how the ledger stands, in figures."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.models.fields import instant
from accounts.money import plain_amount
from accounts.selectors.backlog import backlog
from accounts.selectors.status import followed_log, ledger_status
from streaming.lease import lease_holder
from streaming.log_status import log_status
from streaming.management.database import said_in_a_line

Figures = dict[str, Any]


class Command(BaseCommand):
    help = (
        "Say what the ledger has concluded, what waits, who publishes it, and how far it is "
        "behind Kafka. Exit code 0 also while Kafka cannot be reached: the lag is unknown then."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        with said_in_a_line():
            found = _figures()
        self.stdout.write(json.dumps(found, indent=2) if options["json"] else _text(found))


def _figures() -> Figures:
    followed, kafka = followed_log(), asdict(log_status())
    lag = kafka.pop("lag")
    return asdict(ledger_status()) | {
        "lag": lag,
        "outbox": asdict(backlog()),
        "relay": _relay(),
        "log": asdict(followed) if followed else None,
        "kafka": kafka,
    }


def _relay() -> Figures | None:
    holder = lease_holder()
    if holder is None:
        return None
    return {
        "holder": str(holder),
        "since": instant(holder.since_ms).isoformat(timespec="seconds"),
        "is_frozen": holder.is_frozen,
    }


def _text(found: Figures) -> str:
    total = plain_amount(found.pop("total_balance_minor"), currency=settings.CURRENCY)
    lines = {
        name.replace("_", " "): f"{value:,}"
        for name, value in found.items()
        if isinstance(value, int) and name != "lag"
    }
    lines["total balance"] = f"{total} {settings.CURRENCY}"
    lines["lag"] = "unknown" if found["lag"] is None else f"{found['lag']:,} messages"
    lines |= _outbox_lines(found["outbox"], found["relay"])
    lines |= _log_lines(found["log"], found["kafka"])
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}} {value}" for name, value in lines.items())


def _outbox_lines(outbox: Figures, relay: Figures | None) -> dict[str, str]:
    age_s = outbox["oldest_unpublished_s"]
    since = "" if age_s is None else f", the first for {age_s:,} s"
    lines = {
        "unpublished": f"{outbox['unpublished']:,}{since}",
        "without outcome": f"{outbox['published_without_outcome']:,} published",
        "relay": "none runs" if relay is None else f"{relay['holder']} since {relay['since']}",
    }
    if relay and relay["is_frozen"]:
        lines["relay"] += ", stopped: it publishes nothing"
    if outbox["refused"]:
        lines["refused by Kafka"] = f"{outbox['refused']:,}, {outbox['refusal']}"
    return lines


def _log_lines(log: Figures | None, kafka: Figures) -> dict[str, str]:
    lines = {
        "kafka": f"{kafka['mode']}, {kafka['bootstrap_servers'] or 'no address'}",
        "cluster": kafka["cluster_id"] or "unknown",
    }
    if log:
        by = f" by {log['adopted_by']}" if log["adopted_by"] else ""
        lines["log"] = f"no. {log['number']}, since {log['adopted_at']}{by}: {log['reason']}"
    if kafka["problem"]:
        lines["problem"] = kafka["problem"]
    return lines
