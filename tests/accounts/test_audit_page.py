"""The audit log's pages: for whom they open, what a filter finds, and the same as CSV."""

import csv
import io
import json

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from accounts.models import Act, AuditOutcome, AuditRecord, ObjectKind
from accounts.selectors import audit as selected
from accounts.selectors.audit import PAGE_LENGTH, AuditFilter, exported_records
from accounts.services.audit import Deed, Subject, record_alone

FORMULA = "=cmd|' /C calc'!A0"


def content(response) -> str:
    if response.streaming:
        return async_to_sync(_joined)(response.streaming_content).decode()
    return response.content.decode()


async def _joined(parts) -> bytes:
    return b"".join([part async for part in parts])


@pytest.fixture
def kept(bank, signed_in):
    """Records of several acts; gives the auditor's browser, whose sign-in is one of them."""
    record_alone(
        Deed(
            act=Act.ROLE_CHANGED,
            about=Subject(ObjectKind.AGENT, "teller", bank.teller.branch_id),
            before={"role": "teller"},
            after={"role": "supervisor"},
        ),
        Deed(act=Act.EXPORT, about=Subject(ObjectKind.ACCOUNT, "C100"), after={"format": "pdf"}),
        by=bank.administrator,
    )
    record_alone(
        Deed(
            act=Act.REQUEST,
            about=Subject(ObjectKind.ACCOUNT, "C900"),
            outcome=AuditOutcome.REFUSED,
            after={"method": FORMULA},
        ),
        by=bank.teller,
    )
    return signed_in(bank.auditor, "en")


@pytest.mark.parametrize("address", ["/audit/", "/audit/1/", "/audit/export.csv"])
@pytest.mark.parametrize(
    ("role", "status"),
    [
        *(("auditor", 200), ("administrator", 200)),
        *(("teller", 403), ("supervisor", 403), ("operator", 403)),
    ],
)
def test_only_auditors_and_administrators_read_it(  # noqa: PLR0917
    bank, signed_in, kept, role, status, address
):
    response = signed_in(getattr(bank, role)).get(address)

    assert response.status_code == status
    if status == 403:
        assert "C900" not in content(response)


@pytest.mark.parametrize("role", ["auditor", "administrator", "teller", "supervisor", "operator"])
def test_the_navigation_leads_there_for_whom_it_opens(bank, signed_in, role):
    page = content(signed_in(getattr(bank, role)).get("/dashboard/"))

    assert ('href="/audit/"' in page) == (role in {"auditor", "administrator"})


def test_who_was_made_inactive_reads_nothing_of_it(bank, kept):
    bank.auditor.is_active = False

    assert not AuditFilter().records(bank.auditor).exists()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("act=role_changed", ["role_changed"]),
        ("agent=admin", ["export", "role_changed"]),
        ("outcome=refused", ["request"]),
        ("object=C100", ["export"]),
        ("object=+C100+&agent=teller", []),
        ("address=10.0.0.1", []),
        ("range=today", ["sign_in", "request", "export", "role_changed"]),
        ("from=2001-01-01&to=2001-12-31", []),
        ("to=2001-12-31&range=all", ["sign_in", "request", "export", "role_changed"]),
    ],
)
def test_a_filter_of_the_address_finds_just_what_it_says(kept, query, expected):
    response = kept.get(f"/audit/?{query}")

    shown = [each.act for each in response.context["page"].records]
    assert shown == expected
    assert ("No record passes this filter." in content(response)) == (not expected)


@pytest.mark.parametrize(
    "query",
    ["act=x", "outcome=x", "from=x", "from=2026-02-01&to=2026-01-01", "address=x", "agent=%00"],
)
def test_a_filter_that_cannot_be_read_shows_and_exports_nothing(kept, query):
    page, file = kept.get(f"/audit/?{query}"), kept.get(f"/audit/export.csv?{query}")

    assert page.context["page"] is None
    assert "The filter cannot be read" in content(page)
    assert file.status_code == 400


def test_a_long_log_is_paged_by_the_records_numbers(kept):
    record_alone(*(Deed(act=Act.EXPORT) for _each in range(PAGE_LENGTH)))

    first = kept.get("/audit/").context["page"]
    second = kept.get(f"/audit/?before={first.older_than}").context["page"]
    beyond = kept.get("/audit/?before=nonsense").context["page"]

    numbers = [each.pk for each in [*first.records, *second.records]]
    assert numbers == list(range(AuditRecord.objects.count(), 0, -1))
    assert second.older_than is None
    assert beyond.records == first.records


def test_a_record_shows_before_and_after(kept):
    page = content(kept.get("/audit/1/"))

    assert "<del>teller</del>" in page
    assert "<ins>supervisor</ins>" in page
    assert "Lyon Bellecour" in page
    assert bytes(AuditRecord.objects.get(pk=1).hash).hex() in page
    assert kept.get("/audit/999/").status_code == 404


def test_the_csv_holds_exactly_what_the_filter_shows(kept):
    shown = kept.get("/audit/?agent=admin").context["page"].records

    response = kept.get("/audit/export.csv?agent=admin")

    rows = list(csv.DictReader(io.StringIO(content(response))))
    assert [int(row["id"]) for row in rows] == sorted(each.pk for each in shown)
    assert rows[0]["hash"] == bytes(AuditRecord.objects.get(pk=rows[0]["id"]).hash).hex()
    assert json.loads(rows[0]["after"]) == {"role": "supervisor"}
    assert response.headers["Content-Disposition"].startswith("attachment")


def test_the_csv_runs_no_formula_of_somebody_elses(kept):
    record_alone(Deed(act=Act.EXPORT, about=Subject(ObjectKind.FILE, FORMULA)))

    rows = list(csv.DictReader(io.StringIO(content(kept.get("/audit/export.csv?act=export")))))

    assert rows[-1]["object_id"] == f"'{FORMULA}"
    assert all(cell[:1] not in {"=", "+", "-", "@"} for row in rows for cell in row.values())


def test_the_export_is_recorded_itself_with_its_filter(bank, kept):
    kept.get("/audit/export.csv?act=export&range=all")

    last = AuditRecord.objects.latest("id")
    assert (last.act, last.username, last.object_kind) == ("export", "auditor", "audit")
    assert json.loads(last.after) == {"filter": "range=all&act=export", "format": "csv"}


def test_a_long_export_is_read_in_parts_and_leaves_out_what_is_written_meanwhile(
    bank, kept, monkeypatch
):
    monkeypatch.setattr(selected, "ROWS_AT_A_TIME", 2)
    known = AuditRecord.objects.count()
    parts = exported_records(bank.auditor, AuditFilter())

    found = [next(parts)]
    record_alone(Deed(act=Act.EXPORT))
    found += parts

    assert [each.pk for part in found for each in part] == list(range(1, known + 1))
    assert max(map(len, found)) == 2


def test_account_and_receipt_lead_auditors_to_what_was_done_there(bank, kept, signed_in):
    entry = bank.ledger.log.entry_set.filter(account="C100").latest("id")
    receipt = reverse("receipt", args=[entry.transaction_id])

    assert 'href="/audit/?object=C100"' in content(kept.get("/accounts/C100/"))
    assert f'href="/audit/?object={entry.transaction_id}"' in content(kept.get(receipt))
    assert "/audit/" not in content(signed_in(bank.teller).get("/accounts/C100/"))
