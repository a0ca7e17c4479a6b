"""The list of transactions, and the same as a CSV file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.csv_rows import HEADER, entry_rows
from accounts.forms import FilterForm
from accounts.models import Agent, Entry
from accounts.selectors.exports import account_entries_by_date, entries_by_date
from accounts.selectors.scope import entries_seen_by
from accounts.selectors.transactions import TransactionFilter, has_transactions, transactions_page
from accounts.views.account import identifier_in, may_see
from accounts.views.csv_download import csv_download
from accounts.views.doors import AgentRequest, with_customer_data


@dataclass(frozen=True)
class Range:
    """A usual range of dates, as a link that keeps the rest of the filter."""

    label: str | Promise
    query: str
    is_current: bool


@with_customer_data
@require_safe
def transactions(request: AgentRequest) -> HttpResponse:
    """List what the filter of the address lets through, newest first, page by page."""
    form = FilterForm(request.GET)
    wanted = _wanted(request, form) if form.is_valid() else None
    older_than = identifier_in(request.GET.get("before"))
    page = transactions_page(request.user, wanted, older_than=older_than) if wanted else None
    context = {
        "form": form,
        "is_unknown": wanted is None and form.is_valid(),
        "page": page,
        "is_older": older_than is not None,
        "is_filtered": any(value for name, value in request.GET.items() if name != "before"),
        "has_any": bool(page and page.rows) or has_transactions(request.user),
        "query": _query(request.GET),
        "ranges": usual_ranges(request.GET, today=timezone.localdate()),
    }
    return render(request, "accounts/transactions.html", context)


@with_customer_data
@require_safe
def export_transactions(request: AgentRequest) -> HttpResponseBase:
    """Stream the filter's entries as CSV, oldest first, in bounded memory."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return render(request, "accounts/filter_refused.html", {"form": form}, status=400)
    wanted = _wanted(request, form)
    pages = _pages(request.user, wanted) if wanted else iter(())
    name = f"transactions-{timezone.localdate().isoformat()}.csv"
    return csv_download(name, HEADER, map(entry_rows, pages))


def usual_ranges(query: QueryDict, *, today: date) -> list[Range]:
    """Give today, 7 and 30 days, and everything, as links."""
    firsts: list[tuple[Promise | str, date | None]] = [
        (_("Today"), today),
        (_("7 days"), today - timedelta(days=6)),
        (_("30 days"), today - timedelta(days=29)),
        (_("All"), None),
    ]
    return [_range(query, label, first, today) for label, first in firsts]


def _range(query: QueryDict, label: Promise | str, first: date | None, today: date) -> Range:
    wanted = query.copy()
    for name in ("from", "to", "before"):
        wanted.pop(name, None)
    if first:
        wanted["from"], wanted["to"] = first.isoformat(), today.isoformat()
    is_current = all(query.get(name, "") == wanted.get(name, "") for name in ("from", "to"))
    return Range(label, wanted.urlencode(), is_current)


def _wanted(request: AgentRequest, form: FilterForm) -> TransactionFilter | None:
    """Give the filter with the account's own spelling, or None where there is no such account."""
    wanted = form.wanted()
    if not wanted.account:
        return wanted
    found = may_see(request.user, wanted.account)
    return replace(wanted, account=found.number) if found else None


def _query(query: QueryDict) -> str:
    kept = query.copy()
    kept.pop("before", None)
    return kept.urlencode()


def _pages(agent: Agent, wanted: TransactionFilter) -> Iterator[list[Entry]]:
    entries = wanted.applied_to(entries_seen_by(agent))
    return account_entries_by_date(entries) if wanted.account else entries_by_date(entries)
