"""Reads the figures that no process counts when somebody asks for them: of ledger and disk.

Those of the ledger are the ones of ``ledger_status``, by the same selectors.
"""

import shutil
from collections.abc import Iterable

from django.conf import settings
from django.db import Error as DatabaseError

from accounts.ledger.identity import current_log
from accounts.models import VerificationResult
from accounts.selectors.backlog import backlog
from accounts.selectors.dead_letters import undecided_count
from accounts.selectors.status import fates, next_offsets
from streaming import metrics
from streaming.lease import lease_holder
from streaming.metrics import Metric


def ledger_metrics() -> Iterable[Metric]:
    """Ask the database; give what it says, or only that it could not be asked."""
    try:
        _read_ledger()
    except DatabaseError:
        metrics.LEDGER_IS_READABLE.set(0)
        return [metrics.LEDGER_IS_READABLE]
    metrics.LEDGER_IS_READABLE.set(1)
    return [metrics.LEDGER_IS_READABLE, *metrics.OF_LEDGER]


def disk_metrics() -> Iterable[Metric]:
    """Look at the disk of DATA_DIR."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    metrics.DISK_SIZE.set(usage.total)
    metrics.DISK_FREE.set(usage.free)
    return metrics.OF_DISK


def _read_ledger() -> None:
    found, queue, log = fates(), backlog(), current_log()
    metrics.TRANSACTIONS.set(found.transactions)
    metrics.STALE_BATCHES.set(found.refused_batches)
    for fate, number in (
        ("posted", found.posted),
        ("rejected", found.rejected),
        ("dead", found.dead),
        ("repeat", found.repeats),
    ):
        metrics.MESSAGES.set(number, fate)
    offsets = next_offsets(log) if log else {}
    metrics.NEXT_OFFSET.replace({(str(number),): at for number, at in offsets.items()})
    metrics.UNDECIDED.set(undecided_count())
    metrics.WAITING.set(queue.waiting)
    metrics.OLDEST_WAITING_SECONDS.set(queue.oldest_waiting_s or 0)
    metrics.UNPUBLISHED.set(queue.unpublished)
    metrics.OLDEST_UNPUBLISHED_SECONDS.set(queue.oldest_unhindered_s or 0)
    metrics.REFUSED.set(queue.refused)
    metrics.LEASE_IS_HELD.set(lease_holder() is not None)
    verified = {(each.what,): each for each in VerificationResult.objects.all()}
    metrics.VERIFIED_AT.replace({at: each.at_ms / 1000 for at, each in verified.items()})
    metrics.DISCREPANCIES.replace({at: each.discrepancies for at, each in verified.items()})
