"""The ledger in the admin: its entries and daily totals."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import SearchedExactly, WatchedAdmin
from accounts.admin.filters import KindFilter, OutcomeFilter, ReasonFilter, TransactionKindFilter
from accounts.admin.shown import amount, digest, moment, search_link, short_id
from accounts.models import DailyTotal, Entry, Kind
from accounts.selectors.scope import entries_seen_by, totals_seen_by


@admin.register(Entry)
class EntryAdmin(SearchedExactly, WatchedAdmin):
    """Entries, the newest first."""

    seen_by = entries_seen_by
    ordering = ("-id",)
    list_display = (
        "id_shown",
        "account_link",
        "kind_shown",
        "amount_shown",
        "outcome",
        "reason",
        "balance_shown",
        "day_shown",
        "logged_shown",
        "submitted_by",
    )
    list_filter = (KindFilter, OutcomeFilter, ReasonFilter, "business_date")
    # Two of them tell whether a guess of the message between is right, which may be anybody's.
    of_every_branch = ("link",)
    shown_of_every_branch = ("link_shown",)
    fields = (
        "transaction_id",
        "account_link",
        "kind_shown",
        "amount_shown",
        "outcome",
        "reason",
        "balance_shown",
        "day_shown",
        "reference",
        "source",
        "submitted_by",
        "submitted_shown",
        "logged_shown",
        "posted_shown",
        "log",
        "partition",
        "offset",
        "digest_shown",
        "link_shown",
        "reverses",
        "leg_of",
        "submission",
        "dead_letters",
    )

    @admin.display(description=_("transaction"))
    def id_shown(self, entry: Entry) -> str:
        return short_id(entry.transaction_id)

    # Accounts that nobody opened have entries too, rejected ones: no join may lose them.
    @admin.display(description=_("account"))
    def account_link(self, entry: Entry) -> SafeString:
        return search_link("account", entry.account_id)

    @admin.display(description=_("kind"))
    def kind_shown(self, entry: Entry) -> str:
        return str(Kind(entry.kind_id).label)

    @admin.display(description=_("amount"))
    def amount_shown(self, entry: Entry) -> str:
        return amount(entry.signed_amount_minor, entry.currency, sign=True)

    @admin.display(description=_("balance after"))
    def balance_shown(self, entry: Entry) -> str:
        return amount(entry.balance_minor, entry.currency)

    @admin.display(description=_("submitted at"))
    def submitted_shown(self, entry: Entry) -> str:
        return moment(entry.submitted_at_ms)

    @admin.display(description=_("logged at"))
    def logged_shown(self, entry: Entry) -> str:
        return moment(entry.logged_at_ms)

    @admin.display(description=_("posted at"))
    def posted_shown(self, entry: Entry) -> str:
        return moment(entry.posted_at_ms)

    @admin.display(description=_("digest of key and value"))
    def digest_shown(self, entry: Entry) -> str:
        return digest(entry.digest)

    @admin.display(description=_("link of the chain"))
    def link_shown(self, entry: Entry) -> str:
        return digest(entry.link)

    @admin.display(description=_("submission"))
    def submission(self, entry: Entry) -> SafeString:
        return search_link("submission", entry.transaction_id)

    @admin.display(description=_("dead letters"))
    def dead_letters(self, entry: Entry) -> SafeString:
        return search_link("deadletter", entry.transaction_id)


@admin.register(DailyTotal)
class DailyTotalAdmin(SearchedExactly, WatchedAdmin):
    """What each account moved on each day."""

    seen_by = totals_seen_by
    ordering = ("-business_date", "-id")
    list_display = ("account", "day_shown", "kind_shown", "count", "amount_shown", "entries")
    list_filter = (TransactionKindFilter, "business_date")
    fields = list_display
    search_help_text = _("An account number, in full.")
    transaction_column = ""

    @admin.display(description=_("kind"))
    def kind_shown(self, total: DailyTotal) -> str:
        return str(Kind(total.kind_id).label)

    @admin.display(description=_("amount"))
    def amount_shown(self, total: DailyTotal) -> str:
        return amount(total.amount_minor)

    @admin.display(description=_("entries"))
    def entries(self, total: DailyTotal) -> SafeString:
        return search_link("entry", total.account)
