"""Accounts in the admin: as filed, with the balance that the ledger concluded."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import WatchedAdmin
from accounts.admin.filters import BranchFilter, StatusFilter
from accounts.admin.shown import NOTHING, amount, search_link
from accounts.models import Account
from accounts.selectors.scope import accounts_seen_by


@admin.register(Account)
class AccountAdmin(WatchedAdmin):
    """Accounts, found by number or holder."""

    seen_by = accounts_seen_by
    ordering = ("number",)
    list_display = ("number", "holder", "branch", "balance_shown", "status_shown")
    list_filter = (StatusFilter, BranchFilter)
    search_fields = ("number__istartswith", "holder__icontains")
    search_help_text = _("The beginning of a number, or part of the holder's name.")
    fields = (
        "number",
        "holder",
        "branch",
        "created_at",
        "balance_shown",
        "least_shown",
        "status_shown",
        "posted_shown",
        "entries",
        "totals",
        "submissions",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return super().get_queryset(request).select_related("branch", "balance")

    @admin.display(description=_("balance"))
    def balance_shown(self, account: Account) -> str:
        if not account.is_open:
            return NOTHING
        return amount(account.balance.balance_minor, account.balance.currency)

    @admin.display(description=_("least balance"))
    def least_shown(self, account: Account) -> str:
        if not account.is_open:
            return NOTHING
        return amount(account.balance.least_balance_minor, account.balance.currency)

    @admin.display(description=_("status"))
    def status_shown(self, account: Account) -> str:
        return account.balance.get_status_display() if account.is_open else str(_("Not opened"))

    @admin.display(description=_("posted entries"))
    def posted_shown(self, account: Account) -> int | str:
        return account.balance.posted_count if account.is_open else NOTHING

    @admin.display(description=_("entries"))
    def entries(self, account: Account) -> SafeString:
        return search_link("entry", account.number)

    @admin.display(description=_("daily totals"))
    def totals(self, account: Account) -> SafeString:
        return search_link("dailytotal", account.number)

    @admin.display(description=_("submissions"))
    def submissions(self, account: Account) -> SafeString:
        return search_link("submission", account.number)
