"""The log in the admin: the logs followed, how far each partition is, and the dead letters."""

from typing import Any

import msgspec
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import SearchedExactly, WatchedAdmin, watcher
from accounts.admin.filters import DeadReasonFilter
from accounts.admin.shown import NOTHING, digest, moment, search_link, short_id, text_of
from accounts.models import BRANCH_ROLES, Agent, DeadLetter, Log, LogPosition
from accounts.selectors.scope import dead_letters_seen_by


def all_logs(_agent: Agent) -> QuerySet[Log]:
    """Give every log: they hold nothing of any customer."""
    return Log.objects.all()


def all_positions(_agent: Agent) -> QuerySet[LogPosition]:
    """Give every position: they hold nothing of any customer."""
    return LogPosition.objects.all()


class _Addressed(msgspec.Struct):
    account: str


@admin.register(Log)
class LogAdmin(WatchedAdmin):
    """The logs that the ledger was concluded from."""

    seen_by = all_logs
    ordering = ("-id",)
    list_display = ("id", "cluster_id", "topic", "partition_count", "is_current", "adopted_shown")
    fields = (
        "cluster_id",
        "topic",
        "topic_id",
        "partition_count",
        "is_memory",
        "adopted_shown",
        "reason",
        "is_current",
    )

    @admin.display(description=_("adopted at"))
    def adopted_shown(self, log: Log) -> str:
        return moment(log.adopted_at_ms)


@admin.register(LogPosition)
class LogPositionAdmin(WatchedAdmin):
    """How far each partition has been concluded."""

    seen_by = all_positions
    ordering = ("-log", "partition")
    list_display = (
        "partition",
        "log",
        "next_offset",
        "transactions",
        "posted",
        "rejected",
        "dead",
        "repeats",
    )
    list_select_related = ("log",)
    fields = (*list_display, "leader_epoch", "link_shown")

    @admin.display(description=_("last link"))
    def link_shown(self, position: LogPosition) -> str:
        return digest(position.link)


@admin.register(DeadLetter)
class DeadLetterAdmin(SearchedExactly, WatchedAdmin):
    """Messages that could not be understood, with their bytes."""

    seen_by = dead_letters_seen_by
    left_out_of_lists = ("value",)
    ordering = ("-id",)
    list_display = (
        "id",
        "partition",
        "offset",
        "key_shown",
        "reason",
        "detail",
        "id_shown",
        "logged_shown",
    )
    list_filter = (DeadReasonFilter,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        is_of_branch = watcher(request).role in BRANCH_ROLES
        value = "own_value_shown" if is_of_branch else "value_shown"
        return (
            "log",
            "partition",
            "offset",
            "key_shown",
            value,
            "reason",
            "detail",
            "transaction_id",
            "entry",
            "submission",
            "logged_shown",
            "concluded_shown",
            "digest_shown",
            "link_shown",
        )

    def _of_account(self, queryset: QuerySet[DeadLetter], number: str) -> QuerySet[DeadLetter]:
        return queryset.filter(key=number.encode())

    @admin.display(description=_("transaction"))
    def id_shown(self, letter: DeadLetter) -> str:
        return short_id(letter.transaction_id)

    @admin.display(description=_("key"))
    def key_shown(self, letter: DeadLetter) -> str:
        return text_of(letter.key)

    @admin.display(description=_("value"))
    def value_shown(self, letter: DeadLetter) -> str:
        return text_of(letter.value)

    @admin.display(description=_("value"))
    def own_value_shown(self, letter: DeadLetter) -> str:
        """Show a branch only what is about the account that the key names."""
        if _is_about_its_key(letter):
            return text_of(letter.value)
        return str(_("Shown to auditors and administrators only."))

    @admin.display(description=_("entry"))
    def entry(self, letter: DeadLetter) -> SafeString | str:
        return search_link("entry", letter.transaction_id) if letter.transaction_id else NOTHING

    @admin.display(description=_("submission"))
    def submission(self, letter: DeadLetter) -> SafeString | str:
        found = letter.transaction_id
        return search_link("submission", found) if found else NOTHING

    @admin.display(description=_("logged at"))
    def logged_shown(self, letter: DeadLetter) -> str:
        return moment(letter.logged_at_ms)

    @admin.display(description=_("concluded at"))
    def concluded_shown(self, letter: DeadLetter) -> str:
        return moment(letter.concluded_at_ms)

    @admin.display(description=_("digest of key and value"))
    def digest_shown(self, letter: DeadLetter) -> str:
        return digest(letter.digest)

    @admin.display(description=_("link of the chain"))
    def link_shown(self, letter: DeadLetter) -> str:
        return digest(letter.link)


def _is_about_its_key(letter: DeadLetter) -> bool:
    try:
        named = msgspec.json.decode(bytes(letter.value or b""), type=_Addressed).account
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return named.encode() == bytes(letter.key or b"")
