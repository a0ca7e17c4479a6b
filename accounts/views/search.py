"""Finding an account or a transaction: the agent's first page, and results as one types."""

from http import HTTPStatus

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_safe

from accounts.models import Account, Role
from accounts.models.submission import REFERENCE_LENGTH
from accounts.selectors.accounts import (
    SHOWN_AT_MOST,
    accounts_found,
    accounts_suggested,
    accounts_used_by,
    first_accounts,
)
from accounts.selectors.references import Referenced, transactions_referenced
from accounts.services.limits import Limited, seconds_to_wait
from accounts.templatetags.figures import amount, title
from accounts.templatetags.moments import day
from accounts.views.doors import AgentRequest, for_agents, too_often, with_customer_data

_ACCOUNTS_SUGGESTED = 8
_TRANSACTIONS_SUGGESTED = 4


@for_agents
@require_safe
def home(request: AgentRequest) -> HttpResponse:
    """Send tellers to the accounts, everybody else to the dashboard."""
    return redirect("accounts" if request.user.role == Role.TELLER else "/dashboard/")


@with_customer_data
@require_safe
def accounts(request: AgentRequest) -> HttpResponse:
    """Find an account by number or holder, or a transaction by its reference.

    The only account found is opened at once.
    """
    words = _words(request)
    if words and (wait_s := seconds_to_wait(request.user.pk, Limited.SEARCH)):
        return too_often(request, wait_s)
    found = accounts_found(request.user, words) if words else []
    if len(found) == 1:
        return redirect("account", number=found[0].number)
    referenced = transactions_referenced(request.user, words, at_most=SHOWN_AT_MOST)
    used = [] if words else accounts_used_by(request.user)
    shown = found or used or ([] if words else first_accounts(request.user))
    return render(
        request,
        "accounts/accounts.html",
        {
            "words": words,
            "found": found,
            "referenced": referenced,
            "used": used,
            "shown": shown[:SHOWN_AT_MOST],
            "most": SHOWN_AT_MOST,
            "are_more": len(shown) > SHOWN_AT_MOST,
        },
    )


@with_customer_data
@require_safe
def search_results(request: AgentRequest) -> HttpResponse:
    """Give what the words may come to mean, the likeliest first, for the search's script."""
    words = _words(request)
    if words and (wait_s := seconds_to_wait(request.user.pk, Limited.SEARCH)):
        return _later(wait_s)
    found = accounts_suggested(request.user, words, at_most=_ACCOUNTS_SUGGESTED) if words else []
    referenced = transactions_referenced(request.user, words, at_most=_TRANSACTIONS_SUGGESTED)
    results = [*map(_account_result, found), *map(_transaction_result, referenced)]
    said = ngettext("%(count)s result", "%(count)s results", len(results))
    said = said if results else gettext("No result")
    return JsonResponse({"results": results, "said": said % {"count": len(results)}})


def _later(wait_s: int) -> JsonResponse:
    said = ngettext(
        "Too many searches in a minute. Go on in %(count)s second.",
        "Too many searches in a minute. Go on in %(count)s seconds.",
        wait_s,
    )
    answer = {"results": [], "said": said % {"count": wait_s}}
    headers = {"Retry-After": str(wait_s)}
    return JsonResponse(answer, status=HTTPStatus.TOO_MANY_REQUESTS, headers=headers)


def _words(request: AgentRequest) -> str:
    return request.GET.get("account", "").replace("\0", "").strip()[:REFERENCE_LENGTH]


def _account_result(account: Account) -> dict[str, str]:
    balance = account.balance.balance_minor if account.is_open else None
    return {
        "address": reverse("account", args=[account.number]),
        "name": account.number,
        "note": account.holder,
        "figure": gettext("being opened") if balance is None else amount(balance),
    }


def _transaction_result(found: Referenced) -> dict[str, str]:
    return {
        "address": reverse("receipt", args=[found.transaction_id]),
        "name": found.reference,
        "note": f"{title(found)} · {found.account} {found.holder}".strip(),
        "figure": day(found.business_date),
    }
