"""Agents' dashboards in the admin: who arranged what, and whom it is shared with."""

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import WatchedAdmin, watcher
from accounts.admin.shown import moment
from accounts.models import Board
from accounts.selectors.boards import boards_of_agents_seen_by, query_shown_to


@admin.register(Board)
class BoardAdmin(WatchedAdmin):
    """Dashboards, found by name or owner."""

    seen_by = boards_of_agents_seen_by
    ordering = ("name", "id")
    list_display = ("name", "owner", "shared_with", "is_first", "changed_shown")
    list_filter = ("shared_with",)
    search_fields = ("name", "owner__username")
    fields = (
        "name",
        "owner",
        "shared_with",
        "is_first",
        "query",
        "layout_shown",
        "version",
        "created_shown",
        "changed_shown",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Board]:
        return super().get_queryset(request).select_related("owner")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Board | None:
        board: Board | None = super().get_object(request, object_id, from_field)
        if board is not None:
            board.query = query_shown_to(watcher(request), board)
        return board

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # Whoever may not read it asks the list nothing about it either.
        if request is None or lookup.split("__", maxsplit=1)[0] == "query":
            return False
        return super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("layout"))
    def layout_shown(self, board: Board) -> str:
        return json.dumps(board.layout, ensure_ascii=False)

    @admin.display(description=_("created at"))
    def created_shown(self, board: Board) -> str:
        return moment(board.created_at_ms)

    @admin.display(description=_("changed at"))
    def changed_shown(self, board: Board) -> str:
        return moment(board.changed_at_ms)
