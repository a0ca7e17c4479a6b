"""What somebody chose to look at: one filter for panels, lists, exports and live rows."""

from datetime import date
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from msgspec import Meta

from accounts.models import (
    KIND_BY_CODE,
    TRANSACTION_KINDS,
    Account,
    Agent,
    Entry,
    Kind,
    Outcome,
    Submission,
)
from accounts.models.account import NUMBER_LENGTH
from accounts.models.fields import instant
from accounts.selectors.accounts import NoSuchAccount, account_seen_by
from accounts.selectors.known import known_at
from accounts.selectors.periods import ALL, DATES, Period
from accounts.selectors.scope import (
    accounts_seen_by,
    entries_seen_by,
    submissions_seen_by,
    totals_seen_by,
)

MOST_ACCOUNTS: Final = 20
USERNAME_LENGTH: Final = 150
BRANCH_LENGTH: Final = 20
MOST_MOMENT_MS: Final = 7_258_118_400_000  # the year 2200
OUTCOME_BY_CODE: Final = {outcome.name.lower(): outcome for outcome in Outcome}

# PostgreSQL takes no NUL in a text: a filter with one would fail in each query that it is part of.
_WITHOUT_NUL: Final = r"\A[^\0]*\Z"
AccountText = Annotated[str, Meta(max_length=NUMBER_LENGTH, pattern=_WITHOUT_NUL)]
UsernameText = Annotated[str, Meta(max_length=USERNAME_LENGTH, pattern=_WITHOUT_NUL)]
BranchText = Annotated[str, Meta(max_length=BRANCH_LENGTH, pattern=_WITHOUT_NUL)]


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is let through. Nothing given means everything that the agent may see.

    The names are those of an address, and of the JSON that pages and sockets exchange. Without
    ``all_entries`` or a kind, only entries that move money pass. The same filter lets through
    the same, but for named ranges, which move on with the days.
    """

    range: Literal["today", "7d", "30d", "month", "all", "dates"] = ALL
    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    accounts: Annotated[tuple[AccountText, ...], Meta(max_length=MOST_ACCOUNTS)] = msgspec.field(
        name="account", default=()
    )
    kind: Literal["", "deposit", "withdrawal", "account_opened"] = ""
    outcome: Literal["", "posted", "rejected"] = ""
    agent: UsernameText = ""
    branch: BranchText = ""
    all_entries: bool = False
    # Milliseconds since 1970: only what the log had taken by then. None for all until now.
    as_of: Annotated[int, Meta(ge=0, le=MOST_MOMENT_MS)] | None = None

    @property
    def period(self) -> Period:
        """The business dates that the filter stands for today, or stood for at its moment."""
        return Period.named(self.range, self.first, self.last, today=self.today)

    @property
    def today(self) -> date:
        """Today, or what was today at the filter's moment."""
        if self.as_of is None:
            return timezone.localdate()
        return timezone.localdate(instant(self.as_of))

    @property
    def is_everything(self) -> bool:
        """Whether every transaction passes, whoever asks."""
        return self == Filter()

    @property
    def is_of_one_account(self) -> bool:
        """Whether it lets through one account, and most of what that did."""
        return len(self.accounts) == 1 and not self.agent and self.outcome != "rejected"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that pass, without ``all_entries``."""
        return (KIND_BY_CODE[self.kind],) if self.kind else TRANSACTION_KINDS

    def to_query(self) -> str:
        """Give the filter as the query of an address, without what is left out."""
        pairs = msgspec.to_builtins(self)
        pairs["account"] = ",".join(self.accounts)
        pairs["all_entries"] = "1" if self.all_entries else ""
        pairs["as_of"] = "" if self.as_of is None else _written(self.as_of)
        for name in ("from", "to") if self.range != DATES else ():
            pairs.pop(name)
        return urlencode({name: text for name, text in pairs.items() if text}, safe=",:")

    def narrowed(self, entries: QuerySet[Entry]) -> QuerySet[Entry]:
        """Leave of ``entries`` what passes."""
        wanted = Q() if self.all_entries and not self.kind else Q(kind__in=self.kinds)
        if self.accounts:
            wanted &= Q(account__in=self.accounts)
        if self.outcome:
            wanted &= Q(outcome=OUTCOME_BY_CODE[self.outcome])
        if self.agent:
            wanted &= Q(submitted_by=self.agent)
        if self.branch:
            # Asked of each entry, as scope.py does, so that a page is read in its order.
            wanted &= Q(
                Exists(
                    Account.objects.filter(number=OuterRef("account_id"), branch__code=self.branch)
                )
            )
        if self.as_of is not None:
            wanted &= known_at(self.as_of).condition
        return entries.filter(wanted, **self.period.lookups("business_date"))

    def entries(self, agent: Agent) -> QuerySet[Entry]:
        """Give what passes of the entries that ``agent`` may see."""
        return self.narrowed(entries_seen_by(agent))

    def submissions(self, agent: Agent) -> QuerySet[Submission]:
        """Give the submissions that pass but for their dates and outcome."""
        submissions = submissions_seen_by(agent)
        if self.kind:
            submissions = submissions.filter(kind=KIND_BY_CODE[self.kind])
        if self.agent:
            submissions = submissions.filter(submitted_by__username=self.agent)
        return self._of_accounts(submissions, "account")

    def accounts_let_through(self, agent: Agent) -> QuerySet[Account]:
        """Give the accounts that pass."""
        return self._of_accounts(accounts_seen_by(agent), "number")

    def _of_accounts(self, rows: QuerySet[Any], column: str) -> QuerySet[Any]:
        if self.accounts:
            rows = rows.filter(**{f"{column}__in": self.accounts})
        if self.branch:
            numbers = Account.objects.filter(branch__code=self.branch).values("number")
            rows = rows.filter(**{f"{column}__in": numbers})
        return rows


def _written(milliseconds: int) -> str:
    """Write a moment for an address, in UTC, which means the same wherever it is read."""
    precision = "milliseconds" if milliseconds % 1000 else "seconds"
    moment = instant(milliseconds).isoformat(timespec=precision)
    return moment.replace("+00:00", "Z")


def usual_range(agent: Agent) -> Literal["30d", "all"]:
    """Give the last 30 days; all there is where these are empty, so that no first page is."""
    recent = Period.named("30d").lookups("business_date")
    return "30d" if totals_seen_by(agent).filter(**recent).exists() else "all"


class SpelledOut(msgspec.Struct, frozen=True):
    """The accounts that somebody named, as the bank spells them, and what names none."""

    known: tuple[str, ...]
    unknown: tuple[str, ...]


def spelled_out(agent: Agent, numbers: tuple[str, ...]) -> SpelledOut:
    """Find the accounts of ``numbers`` that ``agent`` may see, in any case."""
    if not numbers:
        return SpelledOut((), ())
    exact = set(accounts_seen_by(agent).filter(number__in=numbers).values_list("number", flat=True))
    known: list[str] = []
    unknown: list[str] = []
    for number in numbers:
        try:
            known.append(number if number in exact else account_seen_by(agent, number).number)
        except NoSuchAccount:
            unknown.append(number)
    return SpelledOut(tuple(dict.fromkeys(known)), tuple(unknown))
