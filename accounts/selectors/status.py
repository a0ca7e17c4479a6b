"""The ledger in figures: what it concluded, what waits for it, what it holds."""

from dataclasses import asdict, dataclass

from django.db.models import Sum

from accounts import outbox
from accounts.models import Balance, Log, LogPosition
from accounts.models.fields import instant
from accounts.selectors.dead_letters import undecided_count
from accounts.selectors.sums import ExactSum


@dataclass(frozen=True, kw_only=True)
class Fates:
    """Messages by fate over all logs the ledger has followed; see ``LedgerStatus``."""

    transactions: int
    posted: int
    rejected: int
    dead: int
    repeats: int
    refused_batches: int


def fates() -> Fates:
    """Give what became of all messages: from counters, so that a million rows are not counted."""
    names = Fates.__dataclass_fields__
    return Fates(**LogPosition.objects.aggregate(**{name: Sum(name, default=0) for name in names}))


@dataclass(frozen=True, kw_only=True)
class LedgerStatus:
    """Messages by fate over all logs the ledger has followed, and sums over all accounts.

    ``transactions`` are the posted entries that moved money; ``posted`` counts the openings
    of accounts too. ``stale_batches_refused`` are those of consumers that had lost the
    partition: nothing of them was written.
    """

    transactions: int
    posted: int
    rejected: int
    dead_letters: int
    dead_letters_undecided: int
    repeats: int
    stale_batches_refused: int
    submissions_waiting: int
    accounts: int
    total_balance_minor: int


def ledger_status() -> LedgerStatus:
    """Give the ledger's figures; it counts neither entries nor messages."""
    found = asdict(fates())
    dead, refused = found.pop("dead"), found.pop("refused_batches")
    return LedgerStatus(
        **found,
        dead_letters=dead,
        dead_letters_undecided=undecided_count(),
        stale_batches_refused=refused,
        submissions_waiting=outbox.waiting().count(),
        accounts=Balance.objects.count(),
        total_balance_minor=Balance.objects.aggregate(sum=ExactSum("balance_minor"))["sum"],
    )


@dataclass(frozen=True, kw_only=True)
class FollowedLog:
    """The log that the ledger follows: the how-manieth, and how it came to be that.

    ``adopted_by`` is empty where nobody had to decide.
    """

    number: int
    adopted_at: str
    adopted_by: str
    reason: str


def followed_log() -> FollowedLog | None:
    """Give the log that the ledger follows, or None before the first consumer."""
    log = Log.objects.filter(is_current=True).first()
    if log is None:
        return None
    return FollowedLog(
        number=Log.objects.filter(pk__lte=log.pk).count(),
        adopted_at=instant(log.adopted_at_ms).isoformat(timespec="seconds"),
        adopted_by=log.adopted_by,
        reason=log.reason,
    )


def next_offsets(log: Log) -> dict[int, int]:
    """Give for each partition of ``log`` the offset that the ledger concludes next."""
    return dict(LogPosition.objects.filter(log=log).values_list("partition", "next_offset"))
