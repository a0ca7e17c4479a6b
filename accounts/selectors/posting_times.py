"""From the agent's click to the ledger: how long the last hour's submissions took."""

import time
from collections.abc import Iterable
from typing import Final

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.db.models import F, QuerySet, Subquery

from accounts.models import Agent, Entry, Submission
from accounts.selectors.audiences import audience_of
from accounts.selectors.scope import submissions_seen_by

_HOUR_MS: Final = 3_600_000
SUBMISSIONS_LOOKED_AT: Final = 1_000
# Of the whole bank: a branch that submits little is not looked for in all that ever was.
SUBMISSIONS_LOOKED_THROUGH: Final = 20_000
_KEPT_S: Final = 30


class PostingTimes(msgspec.Struct, frozen=True):
    """From the agent's click to the posting, over the last hour's submissions."""

    median_ms: int
    ninety_five_ms: int


def recent_delays(submissions: QuerySet[Submission]) -> list[tuple[int, int]]:
    """Give moment of submission and milliseconds to the posting of the last hour's submissions.

    Looks at ``SUBMISSIONS_LOOKED_AT`` only, among the last ``SUBMISSIONS_LOOKED_THROUGH``: their
    table has no index on time, and needs none.
    """
    newest = Submission.objects.order_by("-id").values_list("id", flat=True).first() or 0
    among = submissions.filter(id__gt=newest - SUBMISSIONS_LOOKED_THROUGH)
    last = among.order_by("-id")[:SUBMISSIONS_LOOKED_AT]
    entries = Entry.objects.filter(
        transaction_id__in=Subquery(last.values("transaction_id")),
        submitted_at_ms__gte=time.time_ns() // 1_000_000 - _HOUR_MS,
    )
    took = F("posted_at_ms") - F("submitted_at_ms")
    return list(entries.values_list("submitted_at_ms", took))


def times_of(delays: Iterable[int]) -> PostingTimes | None:
    """Give median and 95th percentile of delays; None where there is none."""
    found = sorted(delays)
    return PostingTimes(_at_rank(found, 50), _at_rank(found, 95)) if found else None


def posting_times(submissions: QuerySet[Submission]) -> PostingTimes | None:
    """Give those of the last hour among ``submissions``; None where there is none."""
    return times_of(took for _at, took in recent_delays(submissions))


def recent_posting_times(agent: Agent | AnonymousUser) -> PostingTimes | None:
    """Give the same as of half a minute ago at most, for what stands on every page."""
    if not isinstance(agent, Agent) or (audience := audience_of(agent)) is None:
        return None
    key = f"posting-times-{audience.branch_id}"
    # In a tuple, since the cache takes None for nothing kept.
    kept: tuple[PostingTimes | None] | None = caches["process"].get(key)
    if kept is None:
        kept = (posting_times(submissions_seen_by(agent)),)
        caches["process"].set(key, kept, _KEPT_S)
    return kept[0]


def _at_rank(ordered: list[int], percent: int) -> int:
    """Give the nearest-rank percentile."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
