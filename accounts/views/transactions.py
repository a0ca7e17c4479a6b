"""The list of transactions, and the same as a CSV file."""

from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.csv_rows import HEADER, entry_rows
from accounts.filter_form import FilterForm, bar_of
from accounts.models import ObjectKind
from accounts.selectors.exports import exported_pages
from accounts.selectors.few_among_many import few_among_many
from accounts.selectors.orders import NEWEST_FIRST, Order, order_named
from accounts.selectors.transactions import PAGE_LENGTH, has_transactions, transactions_page
from accounts.services.audit import Subject, record_export
from accounts.services.limits import Limited
from accounts.views.account import identifier_in
from accounts.views.csv_download import csv_download
from accounts.views.doors import AgentRequest, as_often_as_allowed, with_customer_data

SORTED_COLUMNS: Final = ("date", "account", "amount", "balance")


@with_customer_data
@require_safe
def transactions(request: AgentRequest) -> HttpResponse:
    """List what the filter of the address lets through, newest first, page by page."""
    form = FilterForm(request.GET)
    chosen = form.chosen(request.user)
    older_than = identifier_in(request.GET.get("before"))
    order = order_named(request.GET.get("sort"))
    page = None
    if form.is_valid():
        page = transactions_page(request.user, chosen.filter, order=order, older_than=older_than)
    query = chosen.filter.to_query()
    context = {
        "form": form,
        "bar": bar_of(form, chosen, request.user, action=reverse("transactions")),
        "unknown": ", ".join(chosen.unknown) if chosen.is_of_nobody else "",
        "page": page,
        "is_older": older_than is not None,
        "has_any": bool(page and page.rows) or has_transactions(request.user),
        "query": query,
        "order": order,
        "sorted_query": query if order == NEWEST_FIRST else f"{query}&sort={order}",
        "heads": {name: _head(name, order, query) for name in SORTED_COLUMNS},
    }
    return render(request, "accounts/transactions.html", context)


@dataclass(frozen=True)
class Head:
    """The head of a column: the order that it leads to, and how the list stands to it now."""

    query: str
    aria_sort: str


def _head(name: str, order: Order, query: str) -> Head:
    """Give a column's head: pressed again it turns the order round. All but accounts fall first."""
    is_current = order.removeprefix("-") == name
    falls = not order.startswith("-") if is_current else name != "account"
    aria_sort = "descending" if order.startswith("-") else "ascending"
    target = f"-{name}" if falls else name
    return Head(f"{query}&sort={target}", aria_sort if is_current else "none")


@with_customer_data
@require_safe
@as_often_as_allowed(Limited.EXPORT)
def export_transactions(request: AgentRequest) -> HttpResponseBase:
    """Stream the filter's entries as CSV, oldest first, in bounded memory."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return render(request, "accounts/filter_refused.html", {"form": form}, status=400)
    wanted = form.chosen(request.user).filter
    about = Subject(ObjectKind.TRANSACTIONS, "")
    record_export(about, written="csv", query=wanted.to_query(), by=request.user)
    entries = wanted.entries(request.user)
    sought = few_among_many(entries, wanted, seen_by=request.user, length=PAGE_LENGTH)
    pages = exported_pages(entries, wanted, sought)
    name = f"transactions-{timezone.localdate().isoformat()}.csv"
    return csv_download(request, name, HEADER, map(entry_rows, pages))
