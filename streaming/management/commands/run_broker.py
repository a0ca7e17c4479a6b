"""Runs the embedded Kafka in the foreground."""

import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from accounts.ledger.identity import current_log
from streaming.embedded import BrokerRefused, BrokerStopped, LedgerInMemory
from streaming.embedded.cache import JarCache
from streaming.embedded.ports import port_asked_for
from streaming.embedded.service import Place, run_embedded, run_in_memory


class Command(BaseCommand):
    help = (
        "Run a Kafka broker on this machine until interrupted. Its log and settings are in "
        "DATA_DIR/kafka. Exit codes: 0 stopped as asked, 1 the broker ended by itself, "
        "65 the ledger began in memory mode, 69 Kafka cannot be had here, 75 there is no room on "
        "the disk for now, 78 something has to be changed first."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port",
            default="0",
            help="where to listen on 127.0.0.1 (default: the last port, or a free one)",
        )
        parser.add_argument(
            "--memory",
            action="store_true",
            help="run a stand-in that keeps everything in memory and forgets it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, _stop)
        try:
            self._run(port=port_asked_for(options["port"]), in_memory=options["memory"])
        except BrokerRefused as refused:
            raise CommandError(str(refused), returncode=refused.exit_code) from refused
        except BrokerStopped as stopped:
            raise CommandError(str(stopped)) from stopped
        except _StopAsked:
            return

    def _run(self, *, port: int, in_memory: bool) -> None:
        if settings.KAFKA_BOOTSTRAP_SERVERS:
            raise BrokerRefused(
                f"KAFKA_BOOTSTRAP_SERVERS is set ({settings.KAFKA_BOOTSTRAP_SERVERS}), so that "
                "Kafka is used and none runs here. Unset it for a broker on this machine."
            )
        _refuse_other_kind_of_log(in_memory=in_memory)
        cache = JarCache(settings.KAFKA_CACHE_DIR, settings.DATA_DIR / "cache")
        place = Place(settings.DATA_DIR, cache, settings.JAVA_HOME)
        if in_memory:
            run_in_memory(place, self._say)
        else:
            run_embedded(place, port, self._say)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _refuse_other_kind_of_log(*, in_memory: bool) -> None:
    """Keep a ledger that knows a real Kafka from memory mode, and one from memory mode in it."""
    try:
        known = current_log()
    except DatabaseError:
        # Nothing is known yet: the first start migrates while the broker starts.
        return
    if known is None or known.is_memory == in_memory:
        return
    if known.is_memory:
        raise LedgerInMemory(
            "The ledger on this DATA_DIR began in memory mode, so no real Kafka holds its record. "
            "Start with another DATA_DIR for a real one, or go on with: manage.py run_broker "
            "--memory."
        )
    raise BrokerRefused(
        "The ledger on this DATA_DIR was concluded from a real Kafka, which memory mode would "
        "only seem to continue. Submissions wait in the outbox until the real one runs again."
    )


class _StopAsked(BaseException):
    """Somebody asked for an end; not an error, so that no handler of errors takes it."""


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    # One is enough: a second Ctrl-C must not interrupt the orderly end of the first.
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, signal.SIG_IGN)
    raise _StopAsked
