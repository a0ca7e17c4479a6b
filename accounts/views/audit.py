"""The audit log for those who audit: its list, one record, and what a filter finds as CSV."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.audit_csv import HEADER, audit_rows
from accounts.audit_form import AuditFilterForm
from accounts.filter_form import RANGES
from accounts.models import Account, Act, Agent, AuditOutcome, AuditRecord, ObjectKind, Role
from accounts.selectors.audit import (
    AuditFilter,
    NoSuchRecord,
    audit_page,
    audit_record,
    exported_records,
)
from accounts.selectors.periods import DATES
from accounts.selectors.scope import agents_seen_by
from accounts.services.audit import Subject, record_export
from accounts.services.limits import Limited
from accounts.views.csv_download import csv_download
from accounts.views.doors import AgentRequest, as_often_as_allowed, for_auditors


@dataclass(frozen=True)
class Difference:
    """One value of a record, before and after; None where there was none."""

    name: str
    before: str | None
    after: str | None


@for_auditors
@require_safe
def audit(request: AgentRequest) -> HttpResponse:
    """List what the filter of the address finds, newest first, page by page."""
    form = AuditFilterForm(request.GET)
    wanted = form.chosen()
    older_than = _number(request.GET.get("before"))
    page = None
    if form.is_valid():
        page = audit_page(request.user, wanted, older_than=older_than)
    context = {
        "form": form,
        "filter": wanted,
        "range": DATES if form["from"].errors or form["to"].errors else wanted.range,
        "ranges": RANGES,
        "acts": Act.choices,
        "outcomes": AuditOutcome.choices,
        "usernames": _usernames(request.user),
        "page": page,
        "is_older": older_than is not None,
        "is_clear": not form.errors and wanted == AuditFilter(),
        "query": wanted.to_query(),
    }
    return render(request, "accounts/audit.html", context)


@for_auditors
@require_safe
def audit_entry(request: AgentRequest, record_id: int) -> HttpResponse:
    """Show one record: who, what, when, from where, and what it changed."""
    try:
        found = audit_record(request.user, record_id)
    except NoSuchRecord:
        raise Http404 from None
    context = {
        "record": found,
        "differences": _differences(found),
        "object_address": _address_of(found),
        "role": Role(found.role).label if found.role in Role.values else found.role,
        "branch": found.branch,
        "hash": bytes(found.hash).hex(),
        "previous_hash": bytes(found.previous_hash).hex(),
    }
    return render(request, "accounts/audit_record.html", context)


@for_auditors
@require_safe
@as_often_as_allowed(Limited.EXPORT)
def export_audit(request: AgentRequest) -> HttpResponseBase:
    """Stream the filter's records as CSV, oldest first, in bounded memory. Is recorded itself."""
    form = AuditFilterForm(request.GET)
    if not form.is_valid():
        return render(request, "accounts/filter_refused.html", {"form": form}, status=400)
    wanted = form.chosen()
    parts = exported_records(request.user, wanted)
    about = Subject(ObjectKind.AUDIT, "")
    record_export(about, written="csv", query=wanted.to_query(), by=request.user)
    name = f"audit-{timezone.localdate().isoformat()}.csv"
    return csv_download(request, name, HEADER, map(audit_rows, parts))


def _number(text: str | None) -> int | None:
    """Read a record's number in an address; None where there is none."""
    is_one = text is not None and text.isascii() and text.isdigit() and len(text) < 19
    return int(text or 0) if is_one else None


def _usernames(agent: Agent) -> list[str]:
    return list(agents_seen_by(agent).order_by("username").values_list("username", flat=True))


def _differences(found: AuditRecord) -> list[Difference]:
    before, after = _values(found.before), _values(found.after)
    return [
        Difference(name, _shown(before, name), _shown(after, name))
        for name in sorted({*before, *after})
    ]


def _values(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text) if text else {}
    except ValueError:
        # Somebody has written it behind the portal's back; verify_audit names it.
        return {"?": text}
    return values if isinstance(values, dict) else {"?": values}


def _shown(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    is_text = value is None or isinstance(value, str)
    return value if is_text else json.dumps(value, ensure_ascii=False)


def _address_of(found: AuditRecord) -> str:
    """Give the page of what a record is about, where there is one."""
    if found.object_kind == ObjectKind.TRANSACTION:
        return reverse("receipt", args=[found.object_id])
    if found.object_kind == ObjectKind.ACCOUNT:
        is_there = Account.objects.filter(number=found.object_id).exists()
        return reverse("account", args=[found.object_id]) if is_there else ""
    return ""
