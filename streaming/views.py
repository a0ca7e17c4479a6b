"""The dashboard, and its data without the page around it."""

from datetime import date
from typing import Final
from uuid import UUID

import msgspec
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.filter_form import Chosen, FilterForm, bar_of
from accounts.models import Agent
from accounts.selectors.boards import NoSuchBoard
from accounts.selectors.filters import Filter, usual_range
from accounts.selectors.live_rows import LiveRow
from accounts.selectors.panels import PANELS, Asked, asked_in, read_panels
from accounts.selectors.panels.asked import words_sought
from accounts.selectors.panels.low import LowAccount
from accounts.selectors.positions import current_position
from accounts.selectors.snapshot import snapshot
from accounts.services.limits import Limited, seconds_to_wait
from accounts.views.doors import (
    AgentRequest,
    as_often_as_allowed,
    for_agents,
    too_often,
    with_customer_data,
)
from streaming.boards import OpenedBoard, opened_board, stored_query
from streaming.layouts import Placed
from streaming.words import dashboard_words

# Stands in addresses that a script completes.
_ANY_TRANSACTION: Final = UUID(int=0)


class Shown(msgspec.Struct, frozen=True):
    """All of a dashboard's data, as of one position of the ledger; and when it is told."""

    position: str
    day: date
    now_ms: int
    filter: Filter
    query: str
    period: str
    unknown: tuple[str, ...]
    panels: list[Asked]
    figures: dict[str, msgspec.Struct]


class PlacedPanel(msgspec.Struct, frozen=True):
    """One panel as the template needs it: where it stands, what draws it, what it shows."""

    placed: Placed
    asked: Asked
    template: str
    figures: msgspec.Struct


@for_agents
@require_safe
def dashboard(request: AgentRequest, board_id: int | None = None) -> HttpResponse:
    """Show the panels for what the address chooses; without a script they stand still."""
    if not request.user.sees_customers:
        return render(request, "streaming/no_customers.html")
    try:
        opened = opened_board(request.user, board_id, request.GET)
    except NoSuchBoard as reason:
        raise Http404 from reason
    if query := stored_query(opened, request.GET):
        return redirect(f"{request.path}?{query}")
    return dashboard_response(request, opened)


def dashboard_response(request: AgentRequest, opened: OpenedBoard) -> HttpResponse:
    """Render a dashboard."""
    agent = request.user
    form = FilterForm(request.GET)
    usual = usual_range(agent)
    chosen = form.chosen(agent, usual_range=usual)
    asked = [asked_in(request.GET, each.panel, each.height) for each in opened.shown]
    if wait_s := _seconds_to_search(agent, asked) or seconds_to_wait(agent.pk, Limited.FIGURES):
        return too_often(request, wait_s)
    shown = _shown(agent, chosen, asked)
    context = {
        "opened": opened,
        "bar": bar_of(form, chosen, agent, action=request.path, usual_range=usual),
        "panels": [
            PlacedPanel(
                placed,
                each,
                f"streaming/panels/{each.name}.html",
                shown.figures[each.name],
            )
            for placed, each in zip(opened.shown, asked, strict=True)
        ],
        "shown": shown,
        "words": dashboard_words(),
        "any_transaction": _ANY_TRANSACTION,
        "blank": _blank_row(),
        "blank_account": LowAccount("-", "", 0, 0, 0),
    }
    return render(request, "streaming/dashboard.html", context)


@with_customer_data
@require_safe
@as_often_as_allowed(Limited.FIGURES)
def dashboard_figures(request: AgentRequest) -> HttpResponse:
    """Give what panels show for the same address, and the ledger's position with it.

    ``panels`` names them, parted by commas; ``heat_by`` and the like say how each is shown.
    """
    form = FilterForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    chosen = form.chosen(request.user, usual_range=usual_range(request.user))
    named = request.GET.get("panels", "").split(",")
    asked = [asked_in(request.GET, name) for name in PANELS if name in named]
    if wait_s := _seconds_to_search(request.user, asked):
        return too_often(request, wait_s)
    shown = _shown(request.user, chosen, asked)
    return JsonResponse(msgspec.to_builtins(shown))


def _seconds_to_search(agent: Agent, panels: list[Asked]) -> int:
    """Count it as a search where a panel looks for accounts; give how long to wait for the next."""
    return seconds_to_wait(agent.pk, Limited.SEARCH) if words_sought(panels) else 0


def _shown(agent: Agent, chosen: Chosen, panels: list[Asked]) -> Shown:
    with snapshot():
        figures = read_panels(agent, chosen.filter, panels)
        now = timezone.localtime()
        return Shown(
            position=str(current_position()),
            day=now.date(),
            now_ms=round(now.timestamp() * 1000),
            filter=chosen.filter,
            query=chosen.filter.to_query(),
            period=_period_words(chosen.filter),
            unknown=chosen.unknown,
            panels=panels,
            figures={each.name: shown for each, shown in figures.items()},
        )


def _period_words(chosen: Filter) -> str:
    return render_to_string("streaming/period.html", {"period": chosen.period}).strip()


def _blank_row() -> LiveRow:
    return LiveRow(_ANY_TRANSACTION, "-", "", "deposit", "posted", "", 0, 0, date.min, 0, False)
