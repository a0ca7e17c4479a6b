"""The dashboard, and its data without the page around it."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import Agent
from accounts.selectors.figures import Choice, Figures, accounts_counted, figures
from accounts.selectors.live_rows import LiveRow, newest_transactions
from accounts.selectors.periods import Period
from accounts.selectors.positions import current_position
from accounts.selectors.snapshot import snapshot
from accounts.views.doors import AgentRequest, for_agents, with_customer_data
from streaming.forms import ChoiceForm
from streaming.words import dashboard_words

NEWEST_SHOWN: Final = 12
_RANGES: Final[Sequence[tuple[str, Promise]]] = (
    ("today", _("Today")),
    ("7d", _("7 days")),
    ("30d", _("30 days")),
    ("all", _("All")),
    ("dates", _("Dates…")),
)
# Stands in addresses that a script completes.
_ANY_TRANSACTION: Final = UUID(int=0)


class Shown(msgspec.Struct, frozen=True):
    """All of a dashboard's data, as of one position of the ledger."""

    position: str
    choice: Choice
    figures: Figures
    newest: list[LiveRow]
    accounts: int
    unknown: list[str]
    period: str


@for_agents
@require_safe
def dashboard(request: AgentRequest) -> HttpResponse:
    """Show the figures of what the address chooses; without a script they stand still."""
    if not request.user.sees_customers:
        return render(request, "streaming/no_customers.html")
    form = ChoiceForm(request.GET)
    shown = _shown(request.user, form)
    totals = shown.figures.totals
    context = {
        "form": form,
        "shown": shown,
        "figures": shown.figures,
        "transactions": totals.deposits + totals.withdrawals,
        "shown_count": sum(row.outcome == "posted" for row in shown.figures.rows),
        "period_query": _dates_of(shown.choice.period),
        "net_minor": totals.deposits_minor - totals.withdrawals_minor,
        "data": msgspec.to_builtins(shown),
        "words": dashboard_words(),
        "ranges": _RANGES,
        "any_transaction": _ANY_TRANSACTION,
        "blank": _blank_row(),
    }
    return render(request, "streaming/dashboard.html", context)


@with_customer_data
@require_safe
def dashboard_figures(request: AgentRequest) -> JsonResponse:
    """Give what the dashboard shows for the same address, and the ledger's position with it."""
    form = ChoiceForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    return JsonResponse(msgspec.to_builtins(_shown(request.user, form)))


def _shown(agent: Agent, form: ChoiceForm) -> Shown:
    with snapshot():
        choice = form.choice(agent)
        found = figures(agent, choice)
        drawn = tuple(line.account for line in found.lines)
        return Shown(
            position=str(current_position()),
            choice=msgspec.structs.replace(choice, accounts=drawn),
            figures=found,
            newest=newest_transactions(agent, limit=NEWEST_SHOWN),
            accounts=accounts_counted(agent),
            unknown=[number for number in choice.accounts if number not in drawn],
            period=render_to_string("streaming/period.html", {"period": choice.period}).strip(),
        )


def _dates_of(period: Period) -> str:
    """Give a period as the list of transactions takes it."""
    ends = {"from": period.first, "to": period.last}
    return urlencode({name: day.isoformat() for name, day in ends.items() if day})


def _blank_row() -> LiveRow:
    return LiveRow(_ANY_TRANSACTION, "-", "", "deposit", "posted", "", 0, 0, date.min, 0, False)
