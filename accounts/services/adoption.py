"""Going on with another log: decided by people, recorded, with the chain and every id kept."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.models import F, Sum
from django.db.transaction import atomic

from accounts import outbox
from accounts.ledger import sql
from accounts.ledger.identity import current_log, differences_of, identity_of
from accounts.ledger.messages import LogIdentity, first_links
from accounts.models import Act, ObjectKind
from accounts.models.log import Log, LogPosition
from accounts.services.audit import Deed, Subject, record

REASON_LENGTH = 200
NAME_LENGTH = 150


class NotAdopted(Exception):
    """The log cannot be adopted; the text says why and what to do instead."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Offsets of the same log that the ledger has not read, and that are gone."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What was decided. ``concluded`` counts the entries and dead letters of all logs before."""

    previous: Log
    adopted: Log
    differences: list[str]
    unread: tuple[Unread, ...]
    concluded: int
    published_again: int


def adopt_log(
    seen: LogIdentity, *, first_offsets: Mapping[int, int], reason: str, by: str
) -> Adoption:
    """Make the log ``seen`` the one that the ledger follows, from ``first_offsets`` on.

    Everything in it is read, also what an earlier log held: ids have one outcome over all
    logs. What has none and was published to an earlier log is published again. Nobody may
    publish meanwhile; a consumer at work is refused its next batch, and goes on with this log.
    Raises ``NotAdopted``.
    """
    _refuse_without_words(reason, by)
    with atomic(), connection.cursor() as cursor:
        sql.wait_for_other_writers(cursor)
        previous = current_log()
        if previous is None:
            raise NotAdopted("The ledger has no log yet; run_consumer begins with the first one.")
        if previous.is_memory or seen.is_memory:
            raise NotAdopted(
                "Memory mode takes each new log by itself, and is kept apart from a real Kafka: "
                "set DATA_DIR (or DATABASE_URL) to another place."
            )
        positions = list(LogPosition.objects.filter(log=previous).order_by("partition"))
        adopted = _follow(previous, seen, positions, first_offsets, reason, by)
        record(_deed(previous, adopted), by=by)
    return Adoption(
        previous=previous,
        adopted=adopted,
        differences=differences_of(identity_of(previous), seen),
        unread=_unread(previous, seen, positions, first_offsets),
        concluded=_concluded(),
        published_again=outbox.waiting().filter(published_at_ms__isnull=False).count(),
    )


def _deed(previous: Log, adopted: Log) -> Deed:
    before, after = (
        {"log": log.pk, "cluster": log.cluster_id, "topic": log.topic, "topic_id": log.topic_id}
        for log in (previous, adopted)
    )
    words = {"decided_by": adopted.adopted_by, "reason": adopted.reason}
    about = Subject(ObjectKind.LOG, str(adopted.pk))
    return Deed(act=Act.ADOPTION, about=about, before=before, after={**after, **words})


def _refuse_without_words(reason: str, by: str) -> None:
    for name, text, most in (("reason", reason, REASON_LENGTH), ("name", by, NAME_LENGTH)):
        if not text.strip() or len(text) > most or not text.isprintable():
            raise NotAdopted(f"The {name} has to be 1 to {most} printable characters.")


def _follow(  # noqa: PLR0913, PLR0917 just what the new rows are made of
    previous: Log,
    seen: LogIdentity,
    positions: list[LogPosition],
    first_offsets: Mapping[int, int],
    reason: str,
    by: str,
) -> Log:
    Log.objects.filter(pk=previous.pk).update(is_current=False)
    adopted = Log.objects.create(
        cluster_id=seen.cluster_id,
        topic=seen.topic,
        topic_id=seen.topic_id,
        partition_count=seen.partition_count,
        is_memory=False,
        adopted_at_ms=time.time_ns() // 1_000_000,
        adopted_by=by,
        reason=reason,
        is_current=True,
    )
    links = first_links(
        {each.partition: bytes(each.link) for each in positions}, seen.partition_count
    )
    LogPosition.objects.bulk_create(
        LogPosition(
            log=adopted,
            partition=number,
            first_offset=first_offsets[number],
            next_offset=first_offsets[number],
            first_link=link,
            link=link,
        )
        for number, link in enumerate(links)
    )
    return adopted


def _concluded() -> int:
    fates = LogPosition.objects.aggregate(all=Sum(F("posted") + F("rejected") + F("dead")))
    return int(fates["all"] or 0)


def _unread(
    previous: Log,
    seen: LogIdentity,
    positions: list[LogPosition],
    first_offsets: Mapping[int, int],
) -> tuple[Unread, ...]:
    if identity_of(previous) != seen:
        return ()
    return tuple(
        Unread(
            partition=each.partition,
            first=each.next_offset,
            last=first_offsets[each.partition] - 1,
        )
        for each in positions
        if each.next_offset < first_offsets[each.partition]
    )
