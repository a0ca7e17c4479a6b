"""The log in the admin: the logs followed, and how far each partition is."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import WatchedAdmin, watcher
from accounts.admin.shown import digest, moment
from accounts.models import ADMIN_ROLES, Agent, Log, LogPosition
from accounts.selectors.scope import sees_every_branch


def all_logs(_agent: Agent) -> QuerySet[Log]:
    """Give every log: they hold nothing of any customer."""
    return Log.objects.all()


def all_positions(_agent: Agent) -> QuerySet[LogPosition]:
    """Give every position: they hold nothing of any customer."""
    return LogPosition.objects.all()


@admin.register(Log)
class LogAdmin(WatchedAdmin):
    """The logs that the ledger was concluded from."""

    seen_by = all_logs
    viewed_by = ADMIN_ROLES
    ordering = ("-id",)
    list_display = ("id", "cluster_id", "topic", "partition_count", "is_current", "adopted_shown")
    fields = (
        "cluster_id",
        "topic",
        "topic_id",
        "partition_count",
        "is_memory",
        "adopted_shown",
        "adopted_by",
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
    viewed_by = ADMIN_ROLES
    of_every_branch = ("first_link", "link")
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
        "refused_batches",
    )
    list_select_related = ("log",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # A link and the one before it tell whether a guess of the message between is right.
        is_for_all = sees_every_branch(watcher(request))
        links = ("first_link_shown", "link_shown") if is_for_all else ()
        return (*self.list_display, "first_offset", "leader_epoch", *links)

    @admin.display(description=_("first link"))
    def first_link_shown(self, position: LogPosition) -> str:
        return digest(position.first_link)

    @admin.display(description=_("last link"))
    def link_shown(self, position: LogPosition) -> str:
        return digest(position.link)
