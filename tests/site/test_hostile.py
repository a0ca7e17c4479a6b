"""What no agent would type: no page fails over it, gives it back as markup, or leads elsewhere.

`HOSTILE_INPUTS=20000 make test PYTEST_ARGS=tests/site/test_hostile.py` tries more of it.
"""

import json
import os
import re

import pytest
from django.http import HttpResponseBase
from django.template.backends.django import Template
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import Role, Submission
from streaming import frames
from tests.accounts.conftest import PASSWORD, Bank
from tests.site.test_matrix import (
    GUARDED,
    ROUTES,
    RULES,
    bank,
    clients,
    contents,
    forgotten_attempts,
    objects_of,
    plain_static_files,
)

__all__ = ["bank", "clients", "forgotten_attempts", "plain_static_files"]

INPUTS = int(os.environ.get("HOSTILE_INPUTS", "150"))
MARKUP = "<xss onload=1>'\""

# Every field of every form and query of the site.
NAMES = """
account from to kind outcome agent branch range before after sort as_of panels panel n measure page
receipt amount reference transaction_id number holder opening_balance overdraft name layout query
board version shared_with role confirm action _selected_action reason select_across q o p e _popup
_to_field language next login password username usable_password password1 password2 is_active
first_name id all ot act session code credential oldpassword object address
"""
HEADERS = """
host x-forwarded-host x-forwarded-proto x-forwarded-for x-forwarded-port forwarded accept
accept-language accept-encoding content-type content-length range if-none-match if-modified-since
origin referer cookie traceparent tracestate x-request-id x-http-method-override x-original-url
x-rewrite-url daphne-root-path
"""
ODD = [
    "", " ", "\0", "a\0b", MARKUP, "' OR 1=1 --", "%00", "%s%n", "../../etc/passwd", "-1", "0",
    "9" * 30, "1e400", "NaN", "٣", "１２", "١٢٫٥", "1,00", "1 000,00", "\u202f1", "2024-02-30",
    "0000-00-00", "9999-12-31", "10000-01-01", "2024-01-01T00:00:00Z", "C100", "C900", "c100",
    "\ud7ff\U0010ffff", "\u202etxt", "=1+1", "@SUM(A1)", "//evil.example/", "https://evil.example",
    "javascript:alert(1)", "\\\\evil.example", "/\\evil.example", "[]", "{}", "null", "[[[[[[",
    '{"a":' * 50, "__proto__", "constructor", "{{7*7}}", "{% debug %}", "${jndi:ldap://a}",
    "a" * 5_000, "é" * 300, "\r\nSet-Cookie: a=b", "01980000-0000-7000-8000-000000000000",
    "deposit", "withdrawal", "account_opened", "posted", "rejected", "custom", "all", "today",
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=30),
    st.integers(-(2**70), 2**70).map(str),
    st.dates().map(str),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
)
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES.split()), VALUES), max_size=7)
READ = [route for route in ROUTES if route not in {"styleguide/"}]
WRITTEN = [route for route in GUARDED if "POST" in RULES[route].methods]


def assert_harmless(response: HttpResponseBase) -> None:
    assert response.status_code < 500
    location = response.headers.get("Location", "/")
    assert re.match(r"/(?![/\\])", location), location
    if response.headers.get("Content-Type", "").startswith("text/html"):
        assert MARKUP not in contents(response)


@pytest.mark.parametrize("role", [Role.TELLER, Role.ADMINISTRATOR])
def test_no_query_makes_a_page_fail(bank: Bank, clients, role: Role) -> None:
    agent, client = clients[role]
    addresses = list(map(objects_of(bank, "C100", owner=agent).address, READ))

    @hypothesis_settings(max_examples=INPUTS)
    @given(address=st.sampled_from(addresses), fields=FIELDS)
    def ask(address: str, fields: list[tuple[str, str]]) -> None:
        query: dict[str, list[str]] = {}
        for name, value in fields:
            query.setdefault(name, []).append(value.encode("utf-8", "replace").decode())
        assert_harmless(client.get(address, query))

    ask()


@pytest.mark.parametrize("role", [Role.TELLER, Role.ADMINISTRATOR])
def test_no_form_makes_a_page_fail_or_money_out_of_nothing(bank: Bank, clients, role: Role) -> None:
    agent, client = clients[role]
    objects = objects_of(bank, "C100", owner=agent)
    # Whoever signs out or changes the own password is asked no further.
    addresses = [objects.address(route) for route in WRITTEN if "password" not in route]

    @hypothesis_settings(max_examples=INPUTS)
    @given(address=st.sampled_from(addresses), fields=FIELDS)
    def send(address: str, fields: list[tuple[str, str]]) -> None:
        typed: dict[str, list[str]] = {}
        for name, value in fields:
            typed.setdefault(name, []).append(value.encode("utf-8", "replace").decode())
        assert_harmless(client.post(address, typed))

    send()

    for submission in Submission.objects.all():
        assert 0 <= submission.amount_minor <= 10**15
        assert submission.submitted_by.may_submit


def test_no_word_in_an_address_makes_a_page_fail(bank: Bank, clients) -> None:
    _agent, client = clients[Role.ADMINISTRATOR]
    templates = [f"/{route}" for route in ROUTES if "<" in route and "(?P" not in route]

    @hypothesis_settings(max_examples=INPUTS)
    @given(template=st.sampled_from(templates), word=VALUES)
    def ask(template: str, word: str) -> None:
        word = word.encode("utf-8", "replace").decode()
        assert_harmless(client.get(re.sub(r"<[^>]*>", lambda _name: word, template)))

    ask()


def test_no_header_makes_a_page_fail_or_lead_elsewhere(bank: Bank, clients) -> None:
    _agent, client = clients[Role.TELLER]

    @hypothesis_settings(max_examples=INPUTS)
    @given(headers=st.dictionaries(st.sampled_from(HEADERS.split()), VALUES, max_size=4))
    def ask(headers: dict[str, str]) -> None:
        sendable = {
            name: re.sub(r"[\r\n\0]", "", text.encode("ascii", "replace").decode())
            for name, text in headers.items()
        }
        for address in ("/accounts/C100/", "/auth/login/", "/nowhere/"):
            response = client.get(address, headers=sendable)
            assert_harmless(response)
            assert "evil.example" not in contents(response).replace(address, "")

    ask()


@pytest.mark.parametrize("charset", ["utf-7", "latin-1", "utf-8; boundary=a"])
def test_no_encoding_of_a_form_makes_a_page_fail(bank: Bank, charset: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/auth/login/")
    kind = f"application/x-www-form-urlencoded; charset={charset}"

    assert client.post("/auth/login/", "login=a", content_type=kind).status_code in {400, 403}


@pytest.mark.parametrize("charset", ["unicode_escape", "base64", "undefined", "utf-16-be", "idna"])
def test_nothing_is_read_by_another_encoding_than_ours(bank: Bank, charset: str) -> None:
    """Meant to fail where Python reads it so: half a character is no text to a database."""
    client = Client()
    client.force_login(bank.teller)
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    part = b'--b\r\nContent-Disposition: form-data; name="login"\r\n\r\n\\ud800\r\n--b--\r\n'

    for each, page in ((client, "/transactions/new/"), (Client(), "/auth/login/")):
        assert each.generic("POST", page, part, content_type=kind).status_code == 400


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("application/x-www-form-urlencoded; charset=latin-1", "a=1"),
        ("application/x-www-form-urlencoded", "&".join(f"a{number}=1" for number in range(300))),
        (
            "multipart/form-data; boundary=b",
            '--b\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--b--\r\n',
        ),
    ],
    ids=["another encoding", "many fields", "a file"],
)
def test_where_there_is_nothing_no_form_is_read(bank: Bank, kind: str, form: str) -> None:
    """Meant to fail with Django's own page, which would look for a token in it."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.get("/auth/login/")

    assert client.generic("POST", "/nothing/", form, content_type=kind).status_code == 404


def test_another_sites_form_changes_nothing(bank: Bank) -> None:
    teller, administrator = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    teller.force_login(bank.teller)
    administrator.force_login(bank.administrator)
    wrong = []
    for route in ["auth/logout/", "i18n/setlang/", "auth/login/", *WRITTEN]:
        is_a_tellers = Role.TELLER in RULES[route].writes or RULES[route].is_public
        client = teller if is_a_tellers else administrator
        address = objects_of(bank, "C100", owner=bank.teller).address(route)
        if client.post(address, {"account": "C100"}).status_code != 403:
            wrong.append(address)

    assert not wrong, wrong


def test_signing_in_begins_a_session_that_nobody_could_know(client: Client, bank: Bank) -> None:
    planted = client.session
    planted["seen"] = "before"
    planted.save()
    client.cookies["sessionid"] = planted.session_key

    client.post("/auth/login/", {"login": "teller", "password": PASSWORD})

    assert client.cookies["sessionid"].value != planted.session_key
    whoever_planted_it = Client(headers={"cookie": f"sessionid={planted.session_key}"})
    assert whoever_planted_it.get("/accounts/").status_code == 302


def test_each_page_and_each_refusal_carries_what_protects_it(
    bank: Bank, clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Template, "render", lambda *_template, **_more: "")
    wrong = []
    for role, (agent, client) in clients.items():
        objects = objects_of(bank, "C100", owner=agent)
        for address in [*map(objects.address, READ), "/nowhere/"]:
            headers = client.get(address).headers
            policy = headers.get("Content-Security-Policy", "")
            is_kept = (
                "frame-ancestors 'none'" in policy
                and "unsafe" not in policy
                and headers.get("X-Frame-Options") == "DENY"
                and headers.get("X-Content-Type-Options") == "nosniff"
                and headers.get("Cross-Origin-Opener-Policy") == "same-origin"
                and headers.get("Referrer-Policy") == "same-origin"
                and "no-store" in headers.get("Cache-Control", "")
            )
            if not is_kept:
                wrong.append((role.value, address, dict(headers)))

    assert not wrong, wrong


def test_a_static_file_carries_what_protects_it_too(db, settings, tmp_path) -> None:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")

    response = Client().get("/static/icon.svg")
    response.close()
    headers = response.headers

    assert headers["Content-Type"] == "image/svg+xml"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@given(
    text=st.one_of(
        st.text(max_size=300),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.sampled_from(ODD)),
            lambda inner: st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "position", "filter", "panels", "turn", "count", "name", "account",
                     "from", "to", "kind", "as_of", "n", "measure", "__proto__"]
                ),
                inner | st.sampled_from(["subscribe", "received", "totals", "heat", "balance"]),
                max_size=6,
            ),
            max_leaves=12,
        ).map(json.dumps),
    )
)  # fmt: skip
@hypothesis_settings(max_examples=INPUTS)
def test_no_message_of_a_socket_is_more_than_not_understood(text: str) -> None:
    try:
        message = frames.read_message(text)
    except frames.NotAMessage:
        return
    assert isinstance(message, frames.Received | frames.Subscribe)
