"""Every page of the address book, as every role, in French without English and the reverse."""

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.identifiers import new_transaction_id
from accounts.models import Account, Act, Agent, AuditRecord, Board, Entry, Kind
from accounts.services.audit import Deed, record_alone
from accounts.services.boards import create_board
from accounts.services.dead_letters import discard
from accounts.services.submissions import submit_transaction
from streaming.layouts import PANEL_TITLES
from tests.accounts.catalogue import PLACEHOLDER, entries, plurals
from tests.accounts.conftest import Bank
from tests.accounts.test_try_again_page import database_away
from tests.builders import opened, submitted, withdrawn

# Words that stand on the pages of one language and on none of the other's, beside the catalogue.
ENGLISH = (
    *("the", "and", "of", "with", "this", "is", "are", "was", "has", "your", "to", "by", "from"),
    *("account", "accounts", "deposit", "withdrawal", "amount", "branch", "holder"),
    *("queued", "search", "filter", "open", "today", "yes", "view", "delete"),
)
FRENCH = (
    *("le", "les", "des", "du", "une", "est", "et", "aux", "avec", "pour", "sur", "dans", "vous"),
    *("compte", "comptes", "dépôt", "retrait", "solde", "montant", "agence", "titulaire"),
    *("rejetée", "opération", "opérations", "aucun", "aucune", "guichet", "aujourd’hui", "oui"),
)
# Nobody wrote these for the portal: ids of elements, what Kafka calls things, what is code.
CODE = {"code", "pre", "kbd", "style"}
SAID = {"alt", "aria-label", "placeholder", "title", "content"}

EVERY_PANEL = [{"panel": name, "width": 6, "height": "usual"} for name in PANEL_TITLES]


class Said(HTMLParser):
    """What a page says: text, labels, and the words that it keeps for its scripts."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language
        self.texts: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        other = found.get("lang", self.language) != self.language
        if self.silent or tag in CODE or other or (tag == "script" and not _is_words(found)):
            if tag not in {"input", "meta", "link", "br", "img", "hr"}:
                self.silent.append(tag)
            return
        for name, value in attributes:
            is_said = name in SAID or (name.startswith("data-") and " " in (value or ""))
            if value and (is_said or (name == "value" and found.get("type") == "submit")):
                self.texts.append(value)

    def handle_startendtag(self, tag, attributes):
        return

    def handle_endtag(self, tag):
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data):
        if not self.silent:
            self.texts += _texts(json.loads(data)) if self.cdata_elem == "script" else [data]


def _is_words(attributes: dict[str, str | None]) -> bool:
    return (attributes.get("id") or "").endswith("-words")


def said_by(text: str, language: str) -> str:
    reader = Said(language)
    reader.feed(text)
    said = " | ".join(reader.texts).replace(WRITTEN_BY_A_PROGRAM, "|")
    return _plain(PLACEHOLDER.sub("|", said))


# What ``LedgerInTest.bury`` gives as the cause: code names those as it meets them.
WRITTEN_BY_A_PROGRAM = "Not understood yet."


def _plain(text: str) -> str:
    return " " + re.sub(r"[^\w'’%|-]+", " ", text).strip().lower() + " "


def phrases(texts: Iterator[str], others: Iterator[str]) -> set[str]:
    """The pieces of two words and more between the placeholders of ``texts``.

    Without those that the other language has too.
    """
    other = {_plain(PLACEHOLDER.sub(" | ", each)) for each in others}
    pieces = {_plain(piece) for each in texts for piece in re.split(r"[.:;!?…|(]", _parted(each))}
    return {
        piece
        for piece in pieces
        if len(re.findall(r"[^\W\d_]{2,}", piece)) > 1 and not any(piece in each for each in other)
    }


def _parted(text: str) -> str:
    return PLACEHOLDER.sub("|", text).replace("%%", "%")


CATALOGUED = entries()
IN_ENGLISH = [english for _context, english in CATALOGUED] + list(plurals().values())
IN_FRENCH = [form for forms in CATALOGUED.values() for form in forms]
OTHER = {
    "fr": phrases(iter(IN_ENGLISH), iter(IN_FRENCH)) | {f" {word} " for word in ENGLISH},
    "en": phrases(iter(IN_FRENCH), iter(IN_ENGLISH)) | {f" {word} " for word in FRENCH},
}


@pytest.fixture
def lively_bank(bank: Bank) -> Bank:
    """A bank in which something of each sort has happened; no name is a word of a language."""
    Account.objects.create(number="C150", holder="Camille Lefort", branch=bank.teller.branch)
    bank.ledger.post(
        submitted(12_345, reference="Ref 2026-10"),
        withdrawn(99_999_900),
        submitted(1, account="C404"),
        submitted(1, currency="USD"),
        opened(),
    )
    queued = submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=4_200,
        reference="Ref 2026-11",
        by=bank.teller,
    )
    submit_transaction(
        transaction_id=new_transaction_id(),
        account="C150",
        kind=Kind.WITHDRAWAL,
        amount_minor=4_200,
        by=bank.supervisor,
    )
    letter = bank.ledger.bury(submitted(5))
    bank.ledger.bury(submitted(6, transaction_id=queued.transaction_id), value=b"{}")
    for agent in (bank.teller, bank.supervisor, bank.administrator):
        create_board(name="Ref 14", layout=EVERY_PANEL, by=agent)
    discard([letter.pk], reason="Ref 12", by="operator")
    deeds = (Deed(act=act, before={"x": 1}, after={"x": 2}) for act in Act)
    record_alone(*deeds, by=bank.administrator)
    return bank


def patterns(found, before: str = "/") -> Iterator[str]:
    for pattern in found:
        here = before + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here


def addresses(agent: Agent) -> list[str]:
    """Every address of the site with something in place of what it asks for."""
    board = Board.objects.filter(owner=agent).first()
    board_id = str(board.pk) if board else "1"
    team = str(Agent.objects.get(username="teller").pk)
    keys = Authenticator.objects.filter(user=agent, type=Authenticator.Type.WEBAUTHN)
    key = str(getattr(keys.first(), "pk", 0))
    entry = Entry.objects.filter(outcome=1, kind=Kind.DEPOSIT, account="C100").latest("id")
    rejected = Entry.objects.filter(outcome=2).latest("id")
    queued = apps.get_model("accounts", "Submission").objects.latest("id")
    found = []
    for pattern in patterns(get_resolver().url_patterns):
        in_admin = pattern.startswith("/admin/")
        if "object_id" in pattern or (in_admin and pattern.endswith(("/<id>/password/", "/add/"))):
            found += _of_admin(pattern)
        elif "<uuid:transaction_id>" in pattern:
            for each in (entry, rejected, queued):
                found.append(pattern.replace("<uuid:transaction_id>", str(each.transaction_id)))
        elif "<int:record_id>" in pattern:
            records = AuditRecord.objects.exclude(before="").order_by("-id")[:1]
            found += [pattern.replace("<int:record_id>", str(each.pk)) for each in records]
        else:
            number, board = ("<str:number>", "C100"), ("<int:board_id>", board_id)
            member, passkey = ("<int:agent_id>", team), ("<int:pk>", key)
            named = pattern.replace(*number).replace(*board)
            found.append(named.replace(*member).replace(*passkey))
    found = [each for each in found if each not in LEFT_OUT]
    # A page that asks for something new in its address needs a sample of it above.
    assert not [each for each in found if "<" in each]
    return found


# What logs out, answers in bytes or for machines, or takes any address.
LEFT_OUT = {
    *("/admin/logout/", "/admin/jsi18n/", "/admin/(?P<url>.*)", "/i18n/setlang/"),
    *("/health/live", "/health/ready", "/metrics", "/transactions/export.csv", "/audit/export.csv"),
    *("/accounts/C100/statement.pdf", "/accounts/C100/statement.csv"),
    "/admin/(?P<app_label>accounts)/",
}


def _of_admin(pattern: str) -> list[str]:
    if "content_type_id" in pattern:
        return []
    model = apps.get_model("accounts", pattern.split("/")[3])
    last = model.objects.order_by("-pk").first()
    if last is None:
        return []
    return [pattern.replace("<path:object_id>", str(last.pk)).replace("<id>", str(last.pk))]


def mistakes(client: Client) -> Iterator[Callable[[], object]]:
    """What agents do wrong, and what goes wrong of itself."""
    identifier = str(new_transaction_id())
    form = {"account": "C100", "kind": "deposit", "amount": "1.234", "transaction_id": identifier}
    client.raise_request_exception = False
    for changes in ({}, {"amount": "0"}, {"amount": "x"}, {"kind": ""}, {"account": "C900"}):
        yield lambda form=form | changes: client.post("/transactions/new/", form)
    for changes in ({"page": "account"}, {"reference": "x" * 200, "amount": "-5"}):
        yield lambda form=form | changes: client.post("/transactions/new/", form)
    yield lambda: client.post("/transactions/new/", {})
    for opening in ({}, {"number": "new", "holder": "A", "overdraft": "1.234"}, {"number": "C100"}):
        yield lambda opening=opening: client.post("/accounts/new/", opening)
    for address in (
        *("/accounts/?account=zzzz", "/accounts/?account=c1", "/accounts/?account=Ref"),
        *("/accounts/ZZ99/", "/accounts/C150/", "/accounts/C150/statement/"),
        *("/accounts/C100/statement/?from=x", "/accounts/C100/statement/?from=2030-01-01"),
        "/accounts/C100/statement.csv?from=2026-02-01&to=2026-01-01",
        *("/transactions/?account=C404", "/transactions/?from=x", "/transactions/?from=2030-01-01"),
        *("/transactions/export.csv?from=x", "/dashboard/?range=dates&from=x&accounts=C404"),
        *("/dashboard/?accounts=a,b,c,d,e,f", "/nowhere/", "/admin/nowhere/"),
        *("/admin/accounts/entry/?q=zzzz", "/audit/"),
    ):
        yield lambda address=address: client.get(address)
    yield lambda: client.get("/accounts/", headers={"host": "elsewhere.example"})
    yield lambda: _while_away(client)
    yield lambda: Client(enforce_csrf_checks=True).post("/auth/login/", {"login": "x"})
    yield lambda: Client().post("/auth/login/", {"login": "teller", "password": "wrong"})


def _while_away(client: Client) -> object:
    with database_away():
        return client.get("/accounts/C100/")


def strangers(language: str, responses) -> dict[str, list[str]]:
    """What each page says that belongs to the other language."""
    found = {}
    for address, response in responses:
        kind = response.headers.get("Content-Type", "")
        if response.status_code == 302 or not kind.startswith(("text/html", "application/json")):
            continue
        text = response.content.decode()
        others = OTHER[language]
        if kind.startswith("application/json"):
            said = _plain(" | ".join(_texts(json.loads(text))))
            # Beside words for readers it has names for scripts, of one word each.
            others = {each for each in others if " " in each.strip()}
        else:
            said = said_by(text, language)
        if wrong := sorted(each.strip() for each in others if each in said):
            found[address] = wrong
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


@pytest.mark.parametrize(
    ("role", "language", "in_admin"),
    [
        *(("teller", "fr", False), ("supervisor", "fr", False), ("supervisor", "en", False)),
        *(("auditor", "fr", False), ("auditor", "en", False)),
        # Of the admin's tables they see all between them, and what only they may decide.
        *(("operator", "fr", True), ("administrator", "fr", True), ("administrator", "en", True)),
    ],
)
def test_no_page_speaks_the_other_language(lively_bank, signed_in, role, language, in_admin):
    agent = getattr(lively_bank, role)
    client = signed_in(agent, language)
    found = [each for each in addresses(agent) if in_admin or not each.startswith("/admin/")]

    wrong = strangers(language, ((each, client.get(each)) for each in found))

    assert len(found) > 15
    assert wrong == {}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_that_goes_wrong_speaks_the_other_language(lively_bank, signed_in, language):
    client = signed_in(lively_bank.supervisor, language)

    answers = ((f"mistake {place}", each()) for place, each in enumerate(mistakes(client)))

    assert strangers(language, answers) == {}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_door_speaks_one_language(bank, language):
    client = Client()
    client.cookies["django_language"] = language

    assert strangers(language, [("door", client.get("/auth/login/"))]) == {}


@pytest.mark.parametrize(
    ("language", "page", "expected"),
    [
        ("fr", "<p>Le solde</p><p>Queued, the accounts</p>", ["accounts", "queued", "the"]),
        ("fr", '<a aria-label="Skip to content">x</a>', ["skip to content", "to"]),
        ("fr", '<button lang="en">the</button><code>of the</code>', []),
        ("fr", '<script id="a-words" type="application/json">{"a": "of"}</script>', ["of"]),
        (
            "en",
            "<p>Aucun compte de ce numéro dans votre agence.</p>",
            ["agence", "aucun", "aucun compte"],
        ),
    ],
)
def test_a_stranger_is_noticed(language, page, expected):
    said = said_by(page, language)

    assert expected == sorted(each.strip() for each in OTHER[language] if each in said)[:3]
