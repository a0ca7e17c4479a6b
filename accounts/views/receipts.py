"""The receipt of a transaction, and how far it is."""

from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from accounts.receipts import is_of_one_day, way_of
from accounts.selectors.submissions import NoSuchTransaction, Receipt, receipt_of
from accounts.views.doors import AgentRequest, with_customer_data


@with_customer_data
@require_safe
def receipt(request: AgentRequest, transaction_id: UUID) -> HttpResponse:
    """Show what was asked, what came of it, and its way from click to ledger."""
    found = _found(request, transaction_id)
    way = way_of(found)
    context = {"receipt": found, "way": way, "is_of_one_day": is_of_one_day(way)}
    return render(request, "accounts/receipt.html", context)


@with_customer_data
@require_safe
def receipt_status(request: AgentRequest, transaction_id: UUID) -> HttpResponse:
    """Say in a few bytes how far a transaction is, for the page that waits for it."""
    found = _found(request, transaction_id)
    message = render_to_string("accounts/receipt_said.txt", {"receipt": found}).strip()
    return JsonResponse({"state": found.state, "stage": found.stage, "message": message})


def _found(request: AgentRequest, transaction_id: UUID) -> Receipt:
    try:
        return receipt_of(transaction_id, seen_by=request.user)
    except NoSuchTransaction:
        raise Http404 from None
