"""The log in the admin: the logs followed, and how far each partition is."""

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import WatchedAdmin
from accounts.admin.shown import digest, moment
from accounts.models import ADMIN_ROLES, Agent, Log, LogPosition


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
    # A link and the one before it tell whether a guess of the message between is right.
    of_every_branch = ("first_link", "link")
    shown_of_every_branch = ("first_link_shown", "link_shown")
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

    fields = (*list_display, "first_offset", "leader_epoch", "first_link_shown", "link_shown")

    @admin.display(description=_("first link"))
    def first_link_shown(self, position: LogPosition) -> str:
        return digest(position.first_link)

    @admin.display(description=_("last link"))
    def link_shown(self, position: LogPosition) -> str:
        return digest(position.link)
