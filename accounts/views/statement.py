"""An account's statement: as a page, as a PDF, and as a CSV file."""

import re
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from threading import Lock
from typing import Final
from urllib.parse import urlencode
from weakref import WeakValueDictionary

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import Account, ObjectKind
from accounts.selectors.accounts import NoSuchAccount, account_seen_by
from accounts.selectors.months import last_month, this_month, this_year
from accounts.selectors.periods import ALL, Period
from accounts.selectors.sessions import is_entitled
from accounts.selectors.statements import (
    NotOpenYet,
    Statement,
    lines_of,
    statement_of,
    statement_part,
    whole_statement,
)
from accounts.services.audit import Subject, record_export
from accounts.services.limits import Limited
from accounts.statement_csv import HEADER, statement_rows
from accounts.statement_forms import StatementForm
from accounts.statement_pdf import MOST_LINES, statement_pdf
from accounts.views.account import account_not_found, identifier_in
from accounts.views.csv_download import csv_download
from accounts.views.doors import AgentRequest, as_often_as_allowed, with_customer_data

# Of each agent whose statements are being set. One is at a time, so that of an agent's one has its
# turn after the other: as many as a minute allows keep others waiting no more than one does.
_turns: Final[WeakValueDictionary[int, Lock]] = WeakValueDictionary()


@dataclass(frozen=True)
class Preset:
    """A usual span of dates, as a link."""

    label: str | Promise
    query: str
    is_current: bool


@with_customer_data
@require_safe
def statement(request: AgentRequest, number: str) -> HttpResponse:
    """Show a statement page by page; without dates, the last full month that has rows, or all."""
    try:
        account = account_seen_by(request.user, number)
    except NoSuchAccount:
        return account_not_found(request, number)
    if account.number != number:
        return _in_its_own_spelling(request, account)
    form = StatementForm(request.GET)
    context: dict[str, object] = {"account": account, "form": form, "most": MOST_LINES}
    if form.is_valid():
        context |= _shown(request, number, form.period())
    else:
        context["presets"] = _presets(None, timezone.localdate())
    return render(request, "accounts/statement.html", context)


@with_customer_data
@require_safe
@as_often_as_allowed(Limited.EXPORT)
def statement_as_pdf(request: AgentRequest, number: str) -> HttpResponseBase:
    """Give the whole statement as a PDF; refuse one of more rows than paper is good for."""
    form = StatementForm(request.GET)
    if not form.is_valid():
        return _refused(request, form)
    stated = _found(request, number, form)
    if stated.count > MOST_LINES:
        context = {"statement": stated, "query": _query_of(stated.period), "most": MOST_LINES}
        too_long = HTTPStatus.UNPROCESSABLE_ENTITY
        return render(request, "accounts/statement_too_long.html", context, status=too_long)
    _record_export(request, stated, "pdf")
    with _turns.setdefault(request.user.pk, Lock()):
        stated, lines = whole_statement(request.user, stated.account.number, stated.period)
        content = statement_pdf(stated, lines)
    if not is_entitled(request.user, request.session.session_key or ""):
        # It has waited for its turn, and for others: asked for again, it is answered as is due.
        return redirect(request.get_full_path())
    response = HttpResponse(content, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{_file_name(stated)}.pdf"'
    return response


@with_customer_data
@require_safe
@as_often_as_allowed(Limited.EXPORT)
def statement_as_csv(request: AgentRequest, number: str) -> HttpResponseBase:
    """Stream the whole statement as CSV, in bounded memory."""
    form = StatementForm(request.GET)
    if not form.is_valid():
        return _refused(request, form)
    stated = _found(request, number, form)
    _record_export(request, stated, "csv")
    rows = statement_rows(stated, lines_of(stated))
    return csv_download(request, f"{_file_name(stated)}.csv", HEADER, rows)


def _record_export(request: AgentRequest, stated: Statement, written: str) -> None:
    account = stated.account
    about = Subject(ObjectKind.ACCOUNT, account.number, account.branch_id)
    record_export(about, written=written, query=_query_of(stated.period), by=request.user)


def _shown(request: AgentRequest, number: str, period: Period | None) -> dict[str, object]:
    after = identifier_in(request.GET.get("after"))
    try:
        stated, part = statement_part(request.user, number, period, after=after)
    except NotOpenYet:
        return {"presets": _presets(period, timezone.localdate())}
    return {
        "statement": stated,
        "part": part,
        "is_later": part.count_before > 0,
        "query": _query_of(stated.period),
        "presets": _presets(stated.period, timezone.localdate()),
        "too_long": stated.count > MOST_LINES,
    }


def _presets(current: Period | None, today: date) -> list[Preset]:
    spans = [
        (_("This month"), this_month(today)),
        (_("Last month"), last_month(today)),
        (_("This year"), this_year(today)),
        (_("All"), Period()),
    ]
    return [Preset(label, _query_of(span), span == current) for label, span in spans]


def _query_of(period: Period) -> str:
    """Give the query that asks for this span again, whatever is usual by then."""
    dates = {"from": period.first, "to": period.last}
    given = {name: day.isoformat() for name, day in dates.items() if day}
    return urlencode(given or {"range": ALL})


def _found(request: AgentRequest, number: str, form: StatementForm) -> Statement:
    try:
        return statement_of(request.user, number, form.period())
    except (NoSuchAccount, NotOpenYet):
        raise Http404 from None


def _refused(request: AgentRequest, form: StatementForm) -> HttpResponse:
    context = {"form": form}
    refused = HTTPStatus.BAD_REQUEST
    return render(request, "accounts/filter_refused.html", context, status=refused)


def _in_its_own_spelling(request: AgentRequest, account: Account) -> HttpResponse:
    address = redirect("statement", number=account.number)
    if query := request.GET.urlencode():
        address["Location"] += f"?{query}"
    return address


def _file_name(statement: Statement) -> str:
    number = re.sub(r"[^A-Za-z0-9._-]", "_", statement.account.number)
    return f"statement-{number}-{statement.first.isoformat()}-{statement.last.isoformat()}"
