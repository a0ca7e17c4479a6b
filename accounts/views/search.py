"""The agent's first page: finding an account."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.models import Role
from accounts.selectors.accounts import (
    SHOWN_AT_MOST,
    accounts_found,
    accounts_used_by,
    first_accounts,
)
from accounts.views.doors import AgentRequest, for_agents, with_customer_data

_LONGEST_SEARCH = 120


@for_agents
@require_safe
def home(request: AgentRequest) -> HttpResponse:
    """Send tellers to the accounts, everybody else to the dashboard."""
    return redirect("accounts" if request.user.role == Role.TELLER else "/dashboard/")


@with_customer_data
@require_safe
def accounts(request: AgentRequest) -> HttpResponse:
    """Find an account by number or holder; the only one found is opened at once."""
    words = request.GET.get("account", "").replace("\0", "").strip()[:_LONGEST_SEARCH]
    found = accounts_found(request.user, words) if words else []
    if len(found) == 1:
        return redirect("account", number=found[0].number)
    used = [] if words else accounts_used_by(request.user)
    shown = found or used or ([] if words else first_accounts(request.user))
    return render(
        request,
        "accounts/accounts.html",
        {
            "words": words,
            "found": found,
            "used": used,
            "shown": shown[:SHOWN_AT_MOST],
            "most": SHOWN_AT_MOST,
            "are_more": len(shown) > SHOWN_AT_MOST,
        },
    )
