"""The export: its header and order, its filters, and a reader that leaves early."""

import csv
import getpass
import io
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.csv_rows import csv_text, safe_cell
from accounts.models import Account, AuditRecord
from accounts.origin import acting_by_command
from accounts.selectors import exports
from tests.builders import LedgerInTest, opened, submitted, withdrawn
from tests.databases import copy_database, database_of

HEADER = (
    "transaction_id,business_date,account,kind,amount,balance,outcome,reason,reference,"
    "submitted_by,partition,offset,logged_at"
)
pytestmark = pytest.mark.django_db


def exported(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_transactions", *arguments, stdout=out)
    return out.getvalue()


def rows(*arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(*arguments))))


def days(*arguments: str) -> list[str]:
    return [row["business_date"] for row in rows(*arguments)]


@pytest.fixture
def ledger() -> LedgerInTest:
    return LedgerInTest()


def test_an_empty_ledger_exports_its_header() -> None:
    assert exported() == HEADER + "\n"


def test_an_export_is_in_the_audit_log_with_who_ran_it_and_its_filter(ledger) -> None:
    ledger.post(opened())

    with acting_by_command("export_transactions"):
        exported("--account", "C100", "--from", "2024-01-01")

    kept = AuditRecord.objects.get()
    assert (kept.act, kept.username, kept.command) == (
        "export",
        getpass.getuser(),
        "export_transactions",
    )
    assert '"filter":"range=dates&from=2024-01-01&account=C100"' in kept.after


def test_a_row_says_what_was_asked_and_what_came_of_it(ledger) -> None:
    event = withdrawn(12_345, reference="=1+1", business_date=date(2024, 2, 29))
    ledger.post(opened(opening_balance_minor=20_000), event)

    (row,) = rows()

    assert row == {
        "transaction_id": str(event.transaction_id),
        "business_date": "2024-02-29",
        "account": "C100",
        "kind": "withdrawal",
        "amount": "123.45",
        "balance": "76.55",
        "outcome": "posted",
        "reason": "",
        "reference": "'=1+1",
        "submitted_by": "teller",
        "partition": "0",
        "offset": "1",
        "logged_at": "1970-01-01T00:00:01.001Z",
    }


def test_a_rejected_transaction_is_exported_with_its_reason(ledger) -> None:
    ledger.post(submitted(100))

    (row,) = rows()

    assert (row["outcome"], row["reason"], row["balance"]) == ("rejected", "unknown_account", "")


def test_rows_are_in_the_order_of_date_and_ledger_across_pages(ledger, monkeypatch) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_A_TIME", 3)
    shuffled = [date(2024, 1, day) for day in (5, 1, 3, 3, 3, 3, 3, 2, 1, 5)]
    ledger.post(opened(), *(submitted(n + 1, business_date=day) for n, day in enumerate(shuffled)))

    found = [(row["business_date"], int(row["offset"])) for row in rows()]

    assert found == sorted(found)
    assert len(found) == len(shuffled)
    assert found == [(row["business_date"], int(row["offset"])) for row in rows("--account=C100")]


def test_filters_narrow_the_export(ledger) -> None:
    ledger.post(
        opened(account="C200", business_date=date(2024, 1, 1)),
        *(submitted(account="C200", business_date=date(2024, 1, day)) for day in range(2, 7)),
        submitted(account="C300", business_date=date(2024, 1, 4)),
    )

    assert days("--from=2024-01-05") == ["2024-01-05", "2024-01-06"]
    assert days("--to=2024-01-02") == ["2024-01-02"]
    assert days("--account=C300") == ["2024-01-04"]
    assert days("--account=C200", "--from=2024-01-03", "--to=2024-01-03") == ["2024-01-03"]
    assert days("--all-entries", "--to=2024-01-02") == ["2024-01-01", "2024-01-02"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from=01/02/2024"], "no date of the form YYYY-MM-DD"),
        (["--from=2024-02-01", "--to=2024-01-01"], "is after"),
        (["--account=C 1"], "no account number"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(arguments, message) -> None:
    with pytest.raises(CommandError, match=message):
        exported(*arguments)


@pytest.mark.parametrize("number", ["C999", "c100"])
def test_an_account_that_is_nobodys_is_refused_and_nothing_is_written(ledger, number) -> None:
    ledger.post(opened(), submitted())
    out = io.StringIO()

    with pytest.raises(CommandError, match=f"There is no account '{number}'") as refused:
        call_command("export_transactions", f"--account={number}", stdout=out)

    assert refused.value.returncode == 1
    assert out.getvalue() == ""


def test_an_account_without_transactions_exports_the_header(ledger) -> None:
    Account.objects.create(number="C200")
    ledger.post(opened())

    assert exported("--account=C100") == exported("--account=C200") == HEADER + "\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\uff1d"])
def test_no_text_becomes_a_formula(start) -> None:
    assert safe_cell(f"{start}1") == f"'{start}1"
    assert safe_cell(f"a{start}1") == f"a{start}1"


def test_commas_and_quotes_in_text_keep_the_columns() -> None:
    assert csv_text([["a,b", 'say "c"']]) == '"a,b","say ""c"""\n'


def test_a_file_is_in_utf_8_whatever_the_terminal_is_in(ledger, monkeypatch) -> None:
    ledger.post(opened(), submitted(100, reference="Prêt à 5 €, Łódź"))
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        call_command("export_transactions")

    assert '"Prêt à 5 €, Łódź"' in terminal.buffer.getvalue().decode()


def test_a_reader_that_leaves_early_is_no_error(empty_database, tmp_path) -> None:
    copy_database(empty_database, tmp_path)
    url = database_of(tmp_path).url
    environment = {"DATA_DIR": str(tmp_path), "DATABASE_URL": url, "PATH": ""}
    manage = [sys.executable, str(Path(__file__).parents[2] / "manage.py")]

    with subprocess.Popen(
        [*manage, "export_transactions"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as export:
        export.stdout.close()
        complaint = export.stderr.read()

    assert complaint == b""
    assert export.returncode == 0


def test_an_account_that_is_nobodys_is_said_in_a_line(portal_on) -> None:
    export = portal_on("").manage("export_transactions", "--account", "C999", check=False)

    assert (export.returncode, export.stdout) == (1, "")
    assert "There is no account 'C999'" in export.stderr
    assert export.stderr.count("\n") == 1


def test_a_database_without_tables_gets_one_line(tmp_path) -> None:
    manage = [sys.executable, str(Path(__file__).parents[2] / "manage.py")]

    export = subprocess.run(
        [*manage, "export_transactions"],
        env={"DATA_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        check=False,
        text=True,
    )

    assert export.returncode == 1
    assert export.stderr.count("\n") == 1
    assert "manage.py migrate" in export.stderr
