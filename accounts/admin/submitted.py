"""What agents asked, in the admin: submissions, and the outbox that takes them to Kafka."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import SearchedExactly, WatchedAdmin
from accounts.admin.filters import DoneFilter, KindFilter, PublishedFilter
from accounts.admin.shown import NOTHING, amount, moment, search_link, short_id, text_of
from accounts.models import Kind, Outbox, Submission
from accounts.selectors.scope import outbox_seen_by, submissions_seen_by


@admin.register(Submission)
class SubmissionAdmin(SearchedExactly, WatchedAdmin):
    """What agents asked, the latest first."""

    seen_by = submissions_seen_by
    ordering = ("-id",)
    list_display = (
        "id_shown",
        "account_link",
        "kind_shown",
        "amount_shown",
        "day_shown",
        "submitted_shown",
        "submitted_by",
    )
    list_filter = (KindFilter,)
    list_select_related = ("submitted_by",)
    fields = (
        "transaction_id",
        "account_link",
        "kind_shown",
        "amount_shown",
        "least_shown",
        "reference",
        "day_shown",
        "submitted_shown",
        "submitted_by",
        "outbox_rows",
        "entry",
        "dead_letters",
    )

    @admin.display(description=_("transaction"))
    def id_shown(self, submission: Submission) -> str:
        return short_id(submission.transaction_id)

    @admin.display(description=_("account"))
    def account_link(self, submission: Submission) -> SafeString:
        return search_link("account", submission.account)

    @admin.display(description=_("kind"))
    def kind_shown(self, submission: Submission) -> str:
        return str(Kind(submission.kind_id).label)

    @admin.display(description=_("amount"))
    def amount_shown(self, submission: Submission) -> str:
        return amount(submission.amount_minor, submission.currency)

    @admin.display(description=_("least balance"))
    def least_shown(self, submission: Submission) -> str:
        return amount(submission.least_balance_minor, submission.currency)

    @admin.display(description=_("submitted at"))
    def submitted_shown(self, submission: Submission) -> str:
        return moment(submission.submitted_at_ms)

    @admin.display(description=_("outbox"))
    def outbox_rows(self, submission: Submission) -> SafeString:
        return search_link("outbox", submission.transaction_id)

    @admin.display(description=_("entry"))
    def entry(self, submission: Submission) -> SafeString:
        return search_link("entry", submission.transaction_id)

    @admin.display(description=_("dead letters"))
    def dead_letters(self, submission: Submission) -> SafeString:
        return search_link("deadletter", submission.transaction_id)


@admin.register(Outbox)
class OutboxAdmin(SearchedExactly, WatchedAdmin):
    """What is published in their name, and what is still to be."""

    seen_by = outbox_seen_by
    left_out_of_lists = ("value", "headers")
    account_column = "submission__account"
    transaction_column = "submission__transaction_id"
    ordering = ("-id",)
    list_display = (
        "id",
        "key_shown",
        "submission_link",
        "topic",
        "queued_shown",
        "published_shown",
        "attempts",
        "is_done",
    )
    list_filter = (DoneFilter, PublishedFilter)
    fields = (
        "id",
        "topic",
        "key_shown",
        "value_shown",
        "headers",
        "submission_link",
        "queued_shown",
        "published_shown",
        "log",
        "partition",
        "offset",
        "attempts",
        "refusal",
        "is_done",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outbox]:
        return super().get_queryset(request).select_related("submission")

    @admin.display(description=_("key"))
    def key_shown(self, row: Outbox) -> str:
        return text_of(row.key)

    @admin.display(description=_("value"))
    def value_shown(self, row: Outbox) -> str:
        return text_of(row.value)

    @admin.display(description=_("submission"))
    def submission_link(self, row: Outbox) -> SafeString | str:
        if row.submission is None:
            return NOTHING
        identifier = row.submission.transaction_id
        return search_link("submission", identifier, short_id(identifier))

    @admin.display(description=_("queued at"))
    def queued_shown(self, row: Outbox) -> str:
        return moment(row.queued_at_ms)

    @admin.display(description=_("published at"))
    def published_shown(self, row: Outbox) -> str:
        return moment(row.published_at_ms)
