"""What all tables of the admin have in common: rights by role, rows by branch, quick pages."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.paging import BoundedPaginator
from accounts.admin.shown import day
from accounts.models import ADMIN_ROLES, Agent, ObjectKind, Role
from accounts.refused_requests import keep_from_agent
from accounts.selectors.scope import sees_every_branch
from accounts.services.audit import Subject

# Django's admin takes type arguments for the type checker only.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

# Longer than whatever is searched.
LONGEST_SEARCH: Final = 200

# Operators find what holds nothing of any customer.
CUSTOMER_ROLES = tuple(role for role in ADMIN_ROLES if role != Role.OPERATOR)


def watcher(request: HttpRequest) -> Agent:
    """Give the agent who looks."""
    return cast(Agent, request.user)


class WatchedList(ChangeList):
    """Takes an address that no column can hold for a wrong one, where it meets the database."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (OverflowError, TypeError, ValueError, DataError) as reason:
            raise IncorrectLookupParameters from reason


class WatchedAdmin(_ModelAdmin):
    """Read only. ``seen_by`` is the selector of the rows that an agent may see."""

    seen_by: ClassVar[Callable[[Agent], QuerySet[Any]]]
    viewed_by: ClassVar[Collection[str]] = CUSTOMER_ROLES
    # Columns that nobody may ask the list about but those who see every branch.
    of_every_branch: ClassVar[Collection[str]] = ()
    # What a row's page shows to nobody else.
    shown_of_every_branch: ClassVar[Collection[str]] = ()
    # What a list need not read: bytes of up to a megabyte a row.
    left_out_of_lists: ClassVar[Collection[str]] = ()

    actions: Any = None
    list_per_page = 50
    list_max_show_all = 0
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    change_list_template = "admin/bounded_change_list.html"

    @admin.display(description=_("business date"))
    def day_shown(self, row: Any) -> str:
        return day(row.business_date)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = type(self).seen_by(watcher(request))
        ordering = self.get_ordering(request)
        rows = rows.order_by(*ordering) if ordering else rows
        # The list is the one page without the id of a row in its address.
        match = request.resolver_match
        is_list = match is not None and not match.kwargs
        return rows.defer(*self.left_out_of_lists) if is_list else rows

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        # An address may name no field for the id, which Django would look for all the same.
        try:
            found = super().get_object(request, object_id, from_field or None)
        except DataError:
            # PostgreSQL takes no NUL in a text.
            return None
        if found is None and not from_field:
            keep_from_agent(request, self._there(object_id))
        return found

    def _there(self, object_id: str) -> Subject | None:
        """Give the row of that id, whoever may see it; None where there is none."""
        try:
            row = self.model._default_manager.filter(pk=object_id).only("pk").first()
        except (OverflowError, TypeError, ValueError, DataError, ValidationError):
            return None
        return row and Subject(ObjectKind.TABLE, f"{self.opts.model_name}/{row.pk}")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WatchedList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        is_kept = lookup.split("__", maxsplit=1)[0] in self.of_every_branch
        if request is None or (is_kept and not sees_every_branch(watcher(request))):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        if sees_every_branch(watcher(request)):
            return fields
        return [each for each in fields if each not in self.shown_of_every_branch]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # Each word is a condition, and SQLite takes no more than a thousand.
        return super().get_search_results(request, queryset, search_term[:LONGEST_SEARCH])

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return watcher(request).role in self.viewed_by

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SearchedExactly(_ModelAdmin):
    """Finds rows by what an index holds: a transaction id, or an account number in full."""

    search_fields = ("pk",)
    search_help_text = _("A transaction id or an account number, in full.")
    account_column: ClassVar[str] = "account"
    # Empty where rows are not of one transaction.
    transaction_column: ClassVar[str] = "transaction_id"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        identifier = _identifier(wanted) if self.transaction_column else None
        if identifier is None:
            return self._of_account(queryset, wanted, watcher(request)), False
        return queryset.filter(**{self.transaction_column: identifier}), False

    def _of_account(self, queryset: QuerySet[Any], number: str, agent: Agent) -> QuerySet[Any]:
        return queryset.filter(**{self.account_column: number})


def _identifier(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
