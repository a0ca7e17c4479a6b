"""Who may do what: each address by the URL configuration, role, method and branch.

An address without a rule here fails. A new page says by its rule for whom it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from asgiref.sync import async_to_sync
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponseBase
from django.template.backends.django import Template
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from fido2.cose import ES256
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    CollectedClientData,
    RegistrationResponse,
)

from accounts.identifiers import new_transaction_id
from accounts.models import (
    Account,
    Agent,
    Board,
    Branch,
    DailyTotal,
    DeadLetter,
    DeadLetterDecision,
    Entry,
    Kind,
    Log,
    LogPosition,
    Outbox,
    Role,
    Submission,
)
from accounts.services.submissions import submit_transaction
from tests.accounts.conftest import (
    Bank,
    build_bank,
    forgotten_attempts,
    just_signed_in,
    plain_static_files,
)
from tests.builders import submitted

__all__ = ["forgotten_attempts", "plain_static_files"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EVERYBODY = frozenset(Role)
CUSTOMERS = EVERYBODY - {Role.OPERATOR}
SUBMITTING = frozenset({Role.TELLER, Role.SUPERVISOR})
IN_ADMIN = EVERYBODY - {Role.TELLER}
AUDITORS = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})
KEEPERS = frozenset({Role.ADMINISTRATOR})
DECIDERS = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
TEAM = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
NOBODY: frozenset[Role] = frozenset()
OF_A_BRANCH = SUBMITTING

ALLOWED, REFUSED, MISSING, NO_METHOD, SIGN_IN = "allowed", "refused", "missing", "method", "sign in"


@dataclass(frozen=True)
class Rule:
    """For which roles each method of an address is; ``reads`` is GET, and ``writes`` POST."""

    reads: frozenset[Role] = NOBODY
    writes: frozenset[Role] = NOBODY
    methods: tuple[str, ...] = ("GET",)
    is_public: bool = False
    is_own: bool = False


def reads(roles: frozenset[Role]) -> Rule:
    return Rule(reads=roles)


def writes(roles: frozenset[Role]) -> Rule:
    return Rule(writes=roles, methods=("POST",))


def both(roles: frozenset[Role]) -> Rule:
    return Rule(reads=roles, writes=roles, methods=("GET", "POST"))


# What is an agent's own, as far as there is any: never another's, whatever the role.
OWN = Rule(reads=EVERYBODY, writes=EVERYBODY, methods=("GET", "POST"), is_own=True)

# An address at which nobody finds anything.
NOTHING = Rule(methods=("GET", "POST"))

PAGES = {
    "": reads(EVERYBODY),
    "accounts/": reads(CUSTOMERS),
    "accounts/new/": both(SUBMITTING),
    "accounts/search/": reads(CUSTOMERS),
    "accounts/<str:number>/": reads(CUSTOMERS),
    "accounts/<str:number>/statement/": reads(CUSTOMERS),
    "accounts/<str:number>/statement.pdf": reads(CUSTOMERS),
    "accounts/<str:number>/statement.csv": reads(CUSTOMERS),
    "transactions/": reads(CUSTOMERS),
    "transactions/new/": both(SUBMITTING),
    "transactions/export.csv": reads(CUSTOMERS),
    "transactions/<uuid:transaction_id>/": reads(CUSTOMERS),
    "transactions/<uuid:transaction_id>/status/": reads(CUSTOMERS),
    "dashboard/": reads(EVERYBODY),
    "dashboard/default/": reads(EVERYBODY),
    "dashboard/<int:board_id>/": reads(EVERYBODY),
    "dashboard/figures/": reads(CUSTOMERS),
    "dashboards/": reads(CUSTOMERS),
    "dashboards/save/": writes(CUSTOMERS),
    "dashboards/first/": writes(CUSTOMERS),
    "dashboards/<int:board_id>/": both(CUSTOMERS),
    "dashboards/<int:board_id>/copy/": writes(CUSTOMERS),
    "dashboards/<int:board_id>/delete/": both(CUSTOMERS),
    "audit/": reads(AUDITORS),
    "audit/<int:record_id>/": reads(AUDITORS),
    "audit/export.csv": reads(AUDITORS),
    "auth/login/": Rule(is_public=True),
    "auth/logout/": Rule(is_public=True),
    "auth/again/": OWN,
    "auth/password/": OWN,
    # Asked by a page whose session may be over.
    "auth/session/": Rule(is_public=True),
    "auth/sessions/": OWN,
    "auth/factors/": OWN,
    # Between the password and the second factor nobody has signed in yet.
    "auth/factors/login/": Rule(is_public=True),
    "auth/factors/again/": OWN,
    "auth/factors/app/": OWN,
    "auth/factors/app/remove/": OWN,
    "auth/factors/codes/": OWN,
    "auth/factors/codes/new/": OWN,
    "auth/factors/codes/codes.txt": OWN,
    "auth/passkeys/": OWN,
    "auth/passkeys/login/": Rule(is_public=True),
    "auth/passkeys/again/": OWN,
    "auth/passkeys/add/": OWN,
    "auth/passkeys/<int:pk>/": OWN,
    "auth/passkeys/<int:pk>/remove/": OWN,
    "team/": reads(TEAM),
    "team/<int:agent_id>/": both(TEAM),
    "i18n/setlang/": Rule(is_public=True),
    "styleguide/": Rule(is_public=True),
    "health/live": Rule(is_public=True),
    "health/ready": Rule(is_public=True),
    # No agent's: it asks for a token, or for this machine.
    "metrics": Rule(is_public=True),
    "admin/": both(IN_ADMIN),
    "admin/login/": Rule(is_public=True),
    "admin/logout/": Rule(is_public=True),
    "admin/password_change/": both(IN_ADMIN),
    "admin/password_change/done/": reads(IN_ADMIN),
    "admin/autocomplete/": reads(NOBODY),
    "admin/jsi18n/": reads(IN_ADMIN),
    "admin/r/<path:content_type_id>/<path:object_id>/": NOTHING,
    "admin/^(?P<app_label>accounts)/$": both(IN_ADMIN),
    "admin/(?P<url>.*)$": NOTHING,
    "admin/accounts/agent/<id>/password/": both(KEEPERS),
}


@dataclass(frozen=True)
class Table:
    """Who finds a table in the admin, who changes its rows, and who acts on them."""

    viewers: frozenset[Role] = IN_ADMIN - {Role.OPERATOR}
    keepers: frozenset[Role] = NOBODY
    actors: frozenset[Role] = NOBODY
    of_branches: bool = True


TABLES: dict[type, Table] = {
    Account: Table(),
    Agent: Table(keepers=KEEPERS),
    Board: Table(),
    Branch: Table(keepers=KEEPERS),
    DailyTotal: Table(),
    DeadLetter: Table(viewers=IN_ADMIN, actors=DECIDERS),
    Entry: Table(),
    Log: Table(viewers=IN_ADMIN, of_branches=False),
    LogPosition: Table(viewers=IN_ADMIN, of_branches=False),
    Outbox: Table(),
    Submission: Table(),
}


def admin_rules() -> dict[str, Rule]:
    found = {}
    for model, table in TABLES.items():
        base = f"admin/accounts/{model._meta.model_name}/"
        row = f"{base}<path:object_id>/"
        found |= {
            base: Rule(table.viewers, table.viewers, ("GET", "POST")),
            f"{base}add/": both(table.keepers),
            f"{row}change/": Rule(table.viewers, table.keepers, ("GET", "POST")),
            f"{row}history/": both(table.viewers),
            f"{row}delete/": both(NOBODY),
            # Leads to the row's page, which is asked for itself.
            row: Rule(IN_ADMIN, IN_ADMIN, ("GET", "POST")),
        }
    return found


RULES = PAGES | admin_rules()


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, here)
        else:
            yield here


ROUTES = list(routes(get_resolver().url_patterns))


@dataclass
class Objects:
    """What the addresses name: once of the branch of teller and supervisor, once of another."""

    names: dict[str, str]
    rows: dict[type, object]

    def address(self, route: str) -> str:
        model = next((each for each in TABLES if f"/{each._meta.model_name}/" in route), None)
        row = self.rows.get(model) if model else None
        names = self.names | {"object_id": str(row.pk) if row else "1", "id": "1"}
        if model is Agent and row:
            names["id"] = str(row.pk)
        route = route.replace("^(?P<app_label>accounts)/$", "accounts/")
        route = route.replace("(?P<url>.*)$", "nowhere/")
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda name: names[name[1]], route)


@pytest.fixture
def bank(db: None) -> Bank:
    built = build_bank()
    built.ledger.bury(submitted(100))
    built.ledger.bury(submitted(100, account="C900"), partition=1)
    for agent, number in ((built.teller, "C100"), (built.stranger, "C900")):
        submit_transaction(
            transaction_id=new_transaction_id(),
            account=number,
            kind=Kind.DEPOSIT,
            amount_minor=4_711,
            by=agent,
        )
    return built


def objects_of(bank: Bank, number: str, owner: Agent) -> Objects:
    entry = Entry.objects.get(account_id=number, kind=Kind.DEPOSIT)
    submission = Submission.objects.get(account=number)
    letter = DeadLetter.objects.get(key=number.encode())
    board, _is_new = Board.objects.get_or_create(
        owner=owner, name="Counter", defaults={"layout": [], "created_at_ms": 1, "changed_at_ms": 1}
    )
    rows: dict[type, Any] = {
        Account: Account.objects.get(number=number),
        Agent: Agent.objects.get(username="teller" if number == "C100" else "stranger"),
        Board: board,
        Branch: Branch.objects.get(code="lyon" if number == "C100" else "nice"),
        DailyTotal: DailyTotal.objects.filter(account=number).earliest("pk"),
        DeadLetter: letter,
        Entry: entry,
        Log: Log.objects.earliest("pk"),
        LogPosition: LogPosition.objects.earliest("pk"),
        Outbox: Outbox.objects.get(submission=submission),
        Submission: submission,
    }
    names = {
        "number": number,
        "transaction_id": str(entry.transaction_id),
        "board_id": str(board.pk),
        "agent_id": str(rows[Agent].pk),
        "pk": str(passkey_of(owner).pk),
        "record_id": "1",
        "content_type_id": str(ContentType.objects.get_for_model(Account).pk),
    }
    return Objects(names, rows)


def passkey_of(owner: Agent) -> Authenticator:
    kind = Authenticator.Type.WEBAUTHN
    kept = Authenticator.objects.filter(user=owner, type=kind).first()
    return kept or Authenticator.objects.create(
        user=owner, type=kind, data={"name": "Key", "credential": credential_of(owner)}
    )


def credential_of(owner: Agent) -> dict[str, object]:
    """Give what a browser answers when a passkey is made."""
    key = ES256.from_cryptography_key(generate_private_key(SECP256R1()).public_key())
    identifier = f"passkey of {owner.pk}".encode()
    attested = AttestedCredentialData.create(Aaguid.NONE, identifier, key)
    data = AuthenticatorData.create(sha256(b"localhost").digest(), 0x45, 0, attested)
    response = AuthenticatorAttestationResponse(
        client_data=CollectedClientData.create("webauthn.create", b"challenge", "http://localhost"),
        attestation_object=AttestationObject.create("none", data, {}),
    )
    return dict(RegistrationResponse(raw_id=identifier, response=response))


def answer_of(client: Client, method: str, address: str) -> str:
    """Put the answer to a request into one of the five words."""
    response = request_of(client, method, address)
    if response.headers.get("Location", "").startswith("/admin/login/"):
        # It has no door of its own, and says so itself.
        response = client.get(response.headers["Location"])
    status, location = response.status_code, response.headers.get("Location", "")
    if status == 302 and location.startswith("/auth/login/"):
        return SIGN_IN
    # Where a row is not there for the agent, the admin says so on its first page.
    if status == 404 or (status == 302 and location == "/admin/"):
        return MISSING
    if status == 405:
        return NO_METHOD
    if status == 403:
        return REFUSED
    assert status in {200, 302, 303, 400, 409, 422}, (status, location)
    return ALLOWED


def expected(route: str, rule: Rule, role: Role, method: str, is_kept_away: bool) -> set[str]:
    roles = rule.reads if method == "GET" else rule.writes
    if method not in rule.methods:
        # Whichever is asked for first.
        return {NO_METHOD, REFUSED}
    if rule.is_own and not is_kept_away:
        return {ALLOWED, MISSING, NO_METHOD}
    if role in roles:
        return {MISSING} if is_kept_away else {ALLOWED}
    return {REFUSED, MISSING} if is_kept_away or route.startswith("admin/") else {REFUSED}


def is_of_one_branch(route: str) -> bool:
    if route.endswith("/<path:object_id>/"):
        return False
    if route == "team/<int:agent_id>/":
        return True
    model = next((each for each in TABLES if f"/{each._meta.model_name}/" in route), None)
    if model is not None:
        return "<" in route and TABLES[model].of_branches
    return "<str:number>" in route or "<uuid:transaction_id>" in route


def request_of(client: Client, method: str, address: str) -> HttpResponseBase:
    return client.generic(method, address, "", "application/x-www-form-urlencoded")


def contents(response: HttpResponseBase) -> str:
    if not response.streaming:
        return response.content.decode("utf-8", "replace")

    async def read() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    return async_to_sync(read)().decode()


@pytest.fixture
def clients(bank: Bank) -> dict[Role, tuple[Agent, Client]]:
    found = {}
    for agent in (bank.teller, bank.supervisor, bank.auditor, bank.operator, bank.administrator):
        client = Client(raise_request_exception=True)
        just_signed_in(client, agent)
        found[Role(agent.role)] = (agent, client)
    return found


def test_each_address_has_a_rule_and_each_rule_an_address() -> None:
    assert sorted(RULES) == sorted(ROUTES)


GIVING_A_FACTOR = {"auth/factors/again/", "auth/passkeys/again/"}
SETTING_ONE_UP = {"auth/factors/", "auth/factors/app/", "auth/passkeys/add/", "auth/again/"}
GUARDED = [each for each in ROUTES if not RULES[each].is_public]


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_the_rules_say_and_no_more(
    bank: Bank,
    clients: dict[Role, tuple[Agent, Client]],
    monkeypatch: pytest.MonkeyPatch,
    role: Role,
) -> None:
    # What the pages say is another test's: this one asks six hundred times.
    monkeypatch.setattr(Template, "render", lambda *_template, **_more: "")
    agent, client = clients[role]
    wrong = []
    for route in GUARDED:
        is_own_thing = "<int:board_id>" in route or "<int:pk>" in route
        is_kept = is_of_one_branch(route) and role in OF_A_BRANCH
        is_kept |= is_own_thing and role in CUSTOMERS
        places = [(objects_of(bank, "C100", owner=agent), False)]
        if is_own_thing or is_of_one_branch(route):
            places.append((objects_of(bank, "C900", owner=bank.stranger), is_kept))
        for objects, is_kept_away in places:
            address = objects.address(route)
            for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
                answer = answer_of(client, method, address)
                wanted = expected(route, RULES[route], role, method, is_kept_away)
                if answer not in wanted:
                    wrong.append((method, address, answer, wanted))

    assert not wrong, wrong


def test_without_a_session_every_address_leads_to_the_sign_in(bank: Bank) -> None:
    objects = objects_of(bank, "C100", owner=bank.teller)
    visitor = Client()
    wrong = []
    for address in map(objects.address, GUARDED):
        for method in METHODS:
            answer = answer_of(visitor, method, address)
            if answer != SIGN_IN and (method == "GET" or answer != NO_METHOD):
                wrong.append((method, address, answer))

    assert not wrong, wrong


@pytest.mark.parametrize("has_factor", [True, False])
def test_a_password_alone_opens_nothing_where_a_second_factor_is_due(
    bank: Bank, clients: dict[Role, tuple[Agent, Client]], settings: Any, has_factor: bool
) -> None:
    settings.SECOND_FACTOR_ROLES = list(Role)
    wrong = []
    for agent, client in clients.values():
        objects = objects_of(bank, "C100", owner=agent)
        if not has_factor:
            Authenticator.objects.filter(user=agent).delete()
        way_in = GIVING_A_FACTOR if has_factor else SETTING_ONE_UP
        for route in GUARDED:
            if route in way_in:
                continue
            for method in ("GET", "POST"):
                response = request_of(client, method, objects.address(route))
                location = response.headers.get("Location", "")
                # Where the admin opens to nobody it answers as to any other stranger.
                is_led = location.startswith(("/auth/factors/", "/admin/login/"))
                if not is_led and response.status_code != 403:
                    wrong.append((agent.role, method, route, response.status_code, location))

    assert not wrong, wrong


@pytest.mark.parametrize("role", sorted(OF_A_BRANCH))
def test_nothing_of_another_branch_stands_on_any_page(
    bank: Bank, clients: dict[Role, tuple[Agent, Client]], role: Role
) -> None:
    agent, client = clients[role]
    foreign = objects_of(bank, "C900", owner=bank.stranger)
    secrets = ["C900", "Étienne", "Garnier", "77,00", "77.00", foreign.names["transaction_id"]]
    secrets.append(str(Submission.objects.get(account="C900").transaction_id))
    found = []
    for route in GUARDED:
        if role in RULES[route].reads:
            address = objects_of(bank, "C100", owner=agent).address(route)
            text = contents(request_of(client, "GET", address))
            found += [(address, secret) for secret in secrets if secret in text]

    assert not found, found


@pytest.mark.parametrize("action", ["redrive_letters", "discard_letters"])
def test_dead_letters_are_decided_by_their_deciders_alone(
    bank: Bank, clients: dict[Role, tuple[Agent, Client]], action: str
) -> None:
    letter = DeadLetter.objects.earliest("pk")
    copies = Outbox.objects.count()
    for role, (_agent, client) in clients.items():
        if role in DECIDERS:
            continue
        client.post(
            "/admin/accounts/deadletter/",
            {"action": action, "_selected_action": [letter.pk], "reason": "r", "confirmed": "yes"},
        )

    assert Outbox.objects.count() == copies
    assert not DeadLetterDecision.objects.exists()
