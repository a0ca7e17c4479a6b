"""Reads of the audit log: by a filter, page by page, one record, and all that a filter finds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import msgspec
from django.db.models import QuerySet
from msgspec import Meta

from accounts.models import Agent, AuditRecord
from accounts.models.audit import OBJECT_LENGTH, USERNAME_LENGTH
from accounts.selectors.periods import ALL, DATES, Period, beginning_of
from accounts.selectors.scope import audit_seen_by

PAGE_LENGTH: Final = 50
ROWS_AT_A_TIME: Final = 2_000
ADDRESS_LENGTH: Final = 45

# PostgreSQL takes no NUL in a text.
_WITHOUT_NUL: Final = r"\A[^\0]*\Z"


class NoSuchRecord(Exception):
    """There is no record of that number that the agent may see."""


class AuditFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which records are meant. Nothing given means all; the names are those of an address."""

    range: Literal["today", "7d", "30d", "month", "all", "dates"] = ALL
    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    agent: Annotated[str, Meta(max_length=USERNAME_LENGTH, pattern=_WITHOUT_NUL)] = ""
    act: str = ""
    outcome: str = ""
    object: Annotated[str, Meta(max_length=OBJECT_LENGTH, pattern=_WITHOUT_NUL)] = ""
    address: Annotated[str, Meta(max_length=ADDRESS_LENGTH, pattern=_WITHOUT_NUL)] = ""

    def to_query(self) -> str:
        """Give the filter as the query of an address, without what is left out."""
        pairs = msgspec.to_builtins(self)
        for name in ("from", "to") if self.range != DATES else ():
            pairs.pop(name)
        return urlencode({name: text for name, text in pairs.items() if text}, safe=",:/")

    def records(self, agent: Agent) -> QuerySet[AuditRecord]:
        """Give what passes of the records that ``agent`` may see."""
        columns = {
            "username": self.agent,
            "act": self.act,
            "outcome": self.outcome,
            "object_id": self.object,
            "address": self.address,
        }
        given = {name: text for name, text in columns.items() if text}
        return audit_seen_by(agent).filter(**given, **self._times())

    def _times(self) -> dict[str, int]:
        period = Period.named(self.range, self.first, self.last)
        times = {}
        if period.first:
            times["at_ms__gte"] = beginning_of(period.first)
        if period.last:
            times["at_ms__lt"] = beginning_of(period.last + timedelta(days=1))
        return times


@dataclass(frozen=True)
class AuditPage:
    """Some records, the newest first, and the number after which the next older ones come."""

    records: Sequence[AuditRecord]
    older_than: int | None


def audit_page(agent: Agent, wanted: AuditFilter, *, older_than: int | None = None) -> AuditPage:
    """Give the newest records that a filter finds, or those before one."""
    records = wanted.records(agent).order_by("-id")
    if older_than is not None:
        records = records.filter(id__lt=older_than)
    found = list(records[: PAGE_LENGTH + 1])
    shown = found[:PAGE_LENGTH]
    return AuditPage(shown, shown[-1].pk if len(found) > PAGE_LENGTH else None)


def audit_record(agent: Agent, number: int) -> AuditRecord:
    """Give one record; raises ``NoSuchRecord``."""
    found = audit_seen_by(agent).select_related("branch").filter(pk=number).first()
    if found is None:
        raise NoSuchRecord(number)
    return found


def others_acted_under(name: str, agent: Agent) -> bool:
    """Tell whether another agent has acted under a name: lists show by it who did something."""
    records = AuditRecord.objects.filter(username=name, agent_id__isnull=False)
    return records.exclude(agent_id=agent.pk).exists()


def exported_records(agent: Agent, wanted: AuditFilter) -> Iterator[list[AuditRecord]]:
    """Give all that a filter finds now, in the order of the log, some at a time.

    Each part is a query of its own, so that a long export holds nothing up.
    """
    newest = wanted.records(agent).order_by("-id").values_list("id", flat=True).first()
    return _parts(wanted.records(agent).order_by("id"), newest or 0)


def _parts(records: QuerySet[AuditRecord], newest: int) -> Iterator[list[AuditRecord]]:
    last = 0
    while part := list(records.filter(id__gt=last, id__lte=newest)[:ROWS_AT_A_TIME]):
        yield part
        last = part[-1].pk
