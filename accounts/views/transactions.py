"""The list of transactions, and the same as a CSV file."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.csv_rows import HEADER, entry_rows
from accounts.filter_form import FilterForm, bar_of
from accounts.selectors.exports import exported_pages
from accounts.selectors.transactions import has_transactions, transactions_page
from accounts.views.account import identifier_in
from accounts.views.csv_download import csv_download
from accounts.views.doors import AgentRequest, with_customer_data


@with_customer_data
@require_safe
def transactions(request: AgentRequest) -> HttpResponse:
    """List what the filter of the address lets through, newest first, page by page."""
    form = FilterForm(request.GET)
    chosen = form.chosen(request.user)
    older_than = identifier_in(request.GET.get("before"))
    is_valid = form.is_valid()
    page = (
        transactions_page(request.user, chosen.filter, older_than=older_than) if is_valid else None
    )
    context = {
        "form": form,
        "bar": bar_of(form, chosen, request.user, action=reverse("transactions")),
        "unknown": ", ".join(chosen.unknown) if chosen.is_of_nobody else "",
        "page": page,
        "is_older": older_than is not None,
        "has_any": bool(page and page.rows) or has_transactions(request.user),
        "query": chosen.filter.to_query(),
    }
    return render(request, "accounts/transactions.html", context)


@with_customer_data
@require_safe
def export_transactions(request: AgentRequest) -> HttpResponseBase:
    """Stream the filter's entries as CSV, oldest first, in bounded memory."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return render(request, "accounts/filter_refused.html", {"form": form}, status=400)
    wanted = form.chosen(request.user).filter
    pages = exported_pages(wanted.entries(request.user), wanted)
    name = f"transactions-{timezone.localdate().isoformat()}.csv"
    return csv_download(name, HEADER, map(entry_rows, pages))
