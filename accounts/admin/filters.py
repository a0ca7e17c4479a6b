"""Filters of the admin whose choices are known beforehand, so that none reads a table."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import watcher
from accounts.models import (
    TRANSACTION_KINDS,
    AccountStatus,
    DeadReason,
    Decision,
    Kind,
    Outcome,
    Reason,
)
from accounts.selectors.dead_letters import decided, undecided
from accounts.selectors.scope import branches_seen_by


class ChoiceFilter(admin.SimpleListFilter):
    """One column narrowed to one of ``choices_known``."""

    column: ClassVar[str]
    choices_known: ClassVar[Any]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, Any]]:
        return ((str(value), label) for value, label in self.choices_known)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {str(value): value for value, _label in self.choices_known}
        wanted = known.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(**{self.column: wanted})


class KindFilter(ChoiceFilter):
    """By kind of entry or submission."""

    title = _("kind")
    parameter_name = "kind"
    column = "kind_id"
    choices_known = Kind.choices


class TransactionKindFilter(ChoiceFilter):
    """By kind, among those that move money."""

    title = _("kind")
    parameter_name = "kind"
    column = "kind_id"
    choices_known = tuple((kind.value, kind.label) for kind in TRANSACTION_KINDS)


class OutcomeFilter(ChoiceFilter):
    """By how an entry was concluded."""

    title = _("outcome")
    parameter_name = "outcome"
    column = "outcome"
    choices_known = Outcome.choices


class ReasonFilter(ChoiceFilter):
    """By why an entry was rejected, or what is remarkable about it."""

    title = _("reason")
    parameter_name = "reason"
    column = "reason"
    choices_known = tuple(choice for choice in Reason.choices if choice[0])


class BranchFilter(admin.SimpleListFilter):
    """By branch, among those that the agent who looks may see."""

    title = _("branch")
    parameter_name = "branch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        branches = branches_seen_by(watcher(request)).order_by("name")
        return [(branch.code, branch.name) for branch in branches]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        code = self.value()
        return queryset.filter(branch__code=code) if code else queryset


class DeadReasonFilter(ChoiceFilter):
    """By why a message is dead."""

    title = _("reason")
    parameter_name = "reason"
    column = "reason"
    choices_known = DeadReason.choices


class DecisionFilter(admin.SimpleListFilter):
    """By what was decided about a dead letter."""

    title = _("decision")
    parameter_name = "decision"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("undecided", _("Undecided")), *Decision.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if wanted == "undecided":
            return undecided(queryset)
        return decided(queryset, Decision(wanted)) if wanted in Decision.values else queryset


class StatusFilter(ChoiceFilter):
    """By what the ledger allows on an account."""

    title = _("status")
    parameter_name = "status"
    column = "balance__status"
    choices_known = AccountStatus.choices


class DoneFilter(ChoiceFilter):
    """By whether an outbox row needs nothing more."""

    title = _("done")
    parameter_name = "done"
    column = "is_done"
    choices_known = ((True, _("Yes")), (False, _("No")))


class PublishedFilter(ChoiceFilter):
    """By whether the broker has acknowledged an outbox row."""

    title = _("published")
    parameter_name = "published"
    column = "published_at_ms__isnull"
    choices_known = ((False, _("Yes")), (True, _("No")))
