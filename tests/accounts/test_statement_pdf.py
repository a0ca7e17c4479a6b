"""The statement on paper: tagged, in the agent's language, and nothing in it is a program."""

import io
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connections
from django.test import Client
from django.utils.translation import get_language
from pypdf import PdfReader

from accounts import statement_pdf
from accounts.models import Account, Act, AuditRecord
from tests.accounts.conftest import build_bank
from tests.accounts.test_csv_download import disable, give_other_role, move, sign_out
from tests.builders import submitted, withdrawn
from tests.processes import wait_until

HOSTILE = '#panic("x") #read("/etc/passwd") *a* $ x $ <label> @ref \\ `raw` [c] // e'
MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


def paper(client, number: str = "C100") -> tuple[bytes, PdfReader, str]:
    response = client.get(f"/accounts/{number}/statement.pdf", MARCH)
    assert response.status_code == 200
    reader = PdfReader(io.BytesIO(response.content))
    text = " ".join(page.extract_text() for page in reader.pages)
    return response.content, reader, text.replace("\u200b", "")


def is_tagged_for_everyone(content: bytes, reader: PdfReader) -> bool:
    root = reader.trailer["/Root"]
    return "/StructTreeRoot" in root and root["/MarkInfo"]["/Marked"] and b"pdfuaid" in content


def test_the_pdf_has_the_figures_of_the_page(bank, signed_in):
    bank.ledger.post(
        submitted(123_456, business_date=date(2026, 3, 4), reference="Loyer mars"),
        withdrawn(2_200, business_date=date(2026, 3, 5)),
    )

    content, reader, text = paper(signed_in(bank.teller))

    for words in (
        *("Relevé de compte", "Lyon Bellecour", "Camille Lefèvre", "C100", "Loyer mars"),
        *(
            "Du 1er mars 2026 au 31 mars 2026",
            "Solde d’ouverture",
            "Solde de clôture",
            "Page 1 sur 1",
        ),
        *("+1\u202f234,56", "\u221222,00", "1\u202f212,56", "04/03/2026", "Loyer mars"),
    ):
        assert words in text
    assert reader.trailer["/Root"]["/Lang"] == "fr"
    assert reader.metadata.title == "Relevé de compte"
    assert is_tagged_for_everyone(content, reader)


def test_the_pdf_is_in_english_for_who_reads_english(bank, signed_in):
    bank.ledger.post(withdrawn(2_200, business_date=date(2026, 3, 5)))

    _content, reader, text = paper(signed_in(bank.teller, "en"))

    assert "From 1 March 2026 to 31 March 2026" in text
    assert "Opening balance" in text
    assert "05 Mar 2026" in text
    assert reader.trailer["/Root"]["/Lang"] == "en"


def test_what_customers_wrote_is_text_and_never_markup(bank, signed_in):
    Account.objects.filter(number="C100").update(holder=HOSTILE)
    bank.ledger.post(submitted(1, business_date=date(2026, 3, 1), reference=f"= {HOSTILE}"))

    content, reader, text = paper(signed_in(bank.teller))

    assert text.count('#panic("x")') >= 2
    assert "root:" not in text
    assert is_tagged_for_everyone(content, reader)


@pytest.mark.parametrize("holder", ["张伟 🎉", "\u202eevil\x07\ufeff", "x" * 120, "Ωμέγα Ђ"])
def test_no_name_keeps_a_statement_from_being_printed(bank, signed_in, holder):
    Account.objects.filter(number="C100").update(holder=holder)
    bank.ledger.post(submitted(7, business_date=date(2026, 3, 1), reference="y" * 140))

    _content, reader, text = paper(signed_in(bank.teller))

    assert "0,07" in text
    assert "/StructTreeRoot" in reader.trailer["/Root"]
    assert "y" * 20 in text.replace("\n", "")


def test_a_long_statement_has_numbered_pages_and_its_head_on_each(bank, signed_in):
    bank.ledger.post(*(submitted(n, business_date=date(2026, 3, 2)) for n in range(1, 71)))

    _content, reader, _text = paper(signed_in(bank.teller))

    pages = [page.extract_text() for page in reader.pages]
    assert len(pages) > 1
    for number, text in enumerate(pages, start=1):
        assert f"Page {number} sur {len(pages)}" in text
        assert "Référence" in text
    assert "C100 Camille Lefèvre" in pages[1]


def test_a_statement_beyond_paper_is_refused_with_the_csv_as_the_way(bank, signed_in, monkeypatch):
    monkeypatch.setattr("accounts.views.statement.MOST_LINES", 1)
    bank.ledger.post(*(submitted(n, business_date=date(2026, 3, 2)) for n in (1, 2)))
    client = signed_in(bank.teller)

    response = client.get("/accounts/C100/statement.pdf", MARCH)
    page = client.get("/accounts/C100/statement/", MARCH).content.decode()

    assert response.status_code == 422
    assert "statement.csv?from=2026-03-01&amp;to=2026-03-31" in response.content.decode()
    assert "statement.pdf" not in page
    assert "statement.csv" in page


def test_typst_is_not_loaded_by_the_portal(bank, signed_in):
    paper(signed_in(bank.teller))

    assert "typst" not in sys.modules


def test_what_typst_says_is_told(bank, signed_in, monkeypatch, tmp_path):
    program = tmp_path / "broken.py"
    program.write_text("raise SystemExit('no fonts')")
    monkeypatch.setattr(statement_pdf, "_PROGRAM", program)

    with pytest.raises(statement_pdf.NotTypeset, match="no fonts"):
        paper(signed_in(bank.teller))


@pytest.mark.django_db(transaction=True)
def test_of_an_agents_statements_one_is_set_at_a_time(signed_in, monkeypatch):
    """Meant to fail where whoever asks for many has others wait for all of them."""
    bank = build_bank()
    begun: list[str] = []
    may_end = threading.Event()

    def setting(_statement: object, _lines: object) -> bytes:
        begun.append(get_language() or "")
        assert may_end.wait(20)
        return b"%PDF"

    def ask(client: Client) -> int:
        try:
            return client.get("/accounts/C100/statement.pdf", {"range": "all"}).status_code
        finally:
            connections.close_all()

    monkeypatch.setattr("accounts.views.statement.statement_pdf", setting)
    # Told apart by the language of their pages.
    one, other = signed_in(bank.teller, "fr"), signed_in(bank.supervisor, "en")
    recorded = AuditRecord.objects.filter(act=Act.EXPORT)
    with ThreadPoolExecutor(4) as hands:
        answers = [hands.submit(ask, client) for client in (one, one, one)]
        wait_until(lambda: recorded.count() == 3, "three are asked for")
        answers.append(hands.submit(ask, other))
        wait_until(lambda: "en" in begun, "the other agent's is set")
        found = sorted(begun)
        may_end.set()

    assert found == ["en", "fr"]
    assert [each.result() for each in answers] == [200] * 4


@pytest.mark.parametrize("lose_rights", [sign_out, disable, move, give_other_role])
def test_a_statement_that_waited_is_for_nobody_who_lost_the_right_meanwhile(
    bank, signed_in, monkeypatch, lose_rights
):
    client = signed_in(bank.teller)

    def setting(_statement: object, _lines: object) -> bytes:
        lose_rights(bank.teller)
        return b"%PDF"

    monkeypatch.setattr("accounts.views.statement.statement_pdf", setting)

    response = client.get("/accounts/C100/statement.pdf", {"range": "all"})

    assert response.status_code == 302
    assert client.get(response.headers["Location"]).status_code != 200
