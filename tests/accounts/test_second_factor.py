"""The second factor: set up, given at sign-in, required by role, and counted when guessed."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import Act, Agent, AuditOutcome, AuditRecord, Role
from accounts.selectors.sessions import agents_of_sessions
from accounts.services.access import remove_second_factor
from accounts.services.sessions import end_all_sessions
from bankportal import settings as shipped
from tests.accounts.conftest import just_signed_in
from tests.accounts.second_factors import (
    App,
    SecurityKey,
    code_given,
    has_factors,
    password_given,
    recovery_codes,
)


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_ROLES = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})


def with_password_alone(agent) -> Client:
    client = Client()
    just_signed_in(client, agent)
    return client


@pytest.fixture
def set_up_app(monkeypatch):
    """Let an agent set up an app on our page, in a request that commits."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda act: act())

    def set_up(client) -> App:
        page = client.get("/auth/factors/app/").content.decode()
        app = App(re.search(r'<code class="secret">(\w+)</code>', page)[1])
        response = client.post("/auth/factors/app/", {"code": app.code()})
        assert response.headers["Location"] == "/auth/factors/codes/"
        return app

    return set_up


def test_an_app_is_set_up_with_a_picture_that_our_pages_may_show(bank):
    page = with_password_alone(bank.supervisor).get("/auth/factors/app/")

    assert 'src="data:image/svg+xml;base64,' in page.content.decode()
    assert "img-src 'self' data:" in page.headers["Content-Security-Policy"]


def test_of_one_form_that_comes_twice_at_once_one_sets_the_app_up(bank, monkeypatch):
    client = with_password_alone(bank.teller)
    page = client.get("/auth/factors/app/").content.decode()
    app = App(re.search(r'<code class="secret">(\w+)</code>', page)[1])
    # The other request has gone through by the time that this one writes.
    App.of(bank.teller)
    monkeypatch.setattr("allauth.mfa.totp.views.is_mfa_enabled", lambda *_args: False)

    response = client.post("/auth/factors/app/", {"code": app.code()})

    assert response.headers["Location"] == "/auth/factors/"
    assert Authenticator.objects.filter(user=bank.teller, type="totp").count() == 1


def test_an_app_that_was_set_up_is_asked_for_at_the_next_sign_in(bank, set_up_app):
    app = set_up_app(with_password_alone(bank.teller))
    # Half a minute later, when the code that set it up is none any more.
    cache.clear()
    client = Client()

    asked = password_given(client, bank.teller)
    before = client.get("/accounts/")
    code_given(client, app.code())

    assert asked.headers["Location"] == "/auth/factors/login/"
    assert before.headers["Location"].startswith("/auth/login/")
    assert client.get("/accounts/").status_code == 200


def test_a_code_is_taken_once(bank):
    code = App.of(bank.teller).code()
    first, second = Client(), Client()
    for client in (first, second):
        password_given(client, bank.teller)

    code_given(first, code)
    again = code_given(second, code)

    assert first.get("/accounts/").status_code == 200
    assert "a déjà servi" in again.content.decode()


def test_a_code_signs_in_and_leads_where_it_was_wanted(bank):
    app = App.of(bank.teller)
    client = Client()
    client.post(
        "/auth/login/?next=/transactions/",
        {"login": "teller", "password": "correct-horse-battery", "next": "/transactions/"},
    )

    response = code_given(client, app.code())

    assert response.headers["Location"] == "/transactions/"


def test_a_recovery_code_signs_in_once(bank):
    App.of(bank.teller)
    code = recovery_codes(bank.teller)[3]
    first, second = Client(), Client()

    for client in (first, second):
        password_given(client, bank.teller)
        code_given(client, code)

    assert first.get("/accounts/").status_code == 200
    assert second.get("/accounts/").status_code == 302


def test_of_thirty_guesses_in_a_row_none_goes_through(bank):
    """Meant to fail without allauth's limit on ``login_failed``: 30 of 30 were looked at then."""
    app = App.of(bank.teller)
    client = Client()
    password_given(client, bank.teller)

    answers = [code_given(client, code).content.decode() for code in app.wrong_codes(30)]
    right = code_given(client, app.code())

    assert sum("n’est pas valable" in answer for answer in answers) == 5
    assert "Trop de tentatives manquées" in right.content.decode()
    assert client.get("/accounts/").status_code == 302


def test_guesses_are_counted_once_for_all_web_processes(bank, settings):
    """Meant to fail with a cache of each process, as Django's default is."""
    settings.CACHES = shipped.CACHES
    app = App.of(bank.teller)
    client = Client()
    password_given(client, bank.teller)
    for code in app.wrong_codes(5):
        code_given(client, code)

    # Another process knows nothing but the database.
    del caches["default"]
    answer = code_given(client, app.code()).content.decode()

    assert "Trop de tentatives manquées" in answer


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize(
    "address",
    [
        *("/", "/accounts/", "/accounts/C100/", "/transactions/export.csv", "/dashboard/"),
        *("/admin/", "/admin/accounts/entry/", "/team/", "/auth/sessions/"),
        "/accounts/search/?account=C1",
    ],
)
def test_without_the_factor_its_role_needs_a_session_opens_nothing(bank, address):
    client = with_password_alone(bank.supervisor)

    response = client.get(address)

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/auth/factors/?next=")


@pytest.mark.usefixtures("required")
def test_what_is_sent_without_the_factor_is_not_taken(bank):
    client = with_password_alone(bank.supervisor)

    response = client.post("/transactions/new/", {"account": "C100", "amount": "1"})

    assert response.headers["Location"] == "/auth/factors/?"
    assert with_password_alone(bank.teller).get("/accounts/").status_code == 200


@pytest.mark.usefixtures("required")
def test_who_has_no_factor_sets_one_up_and_is_in(bank, set_up_app):
    client = with_password_alone(bank.supervisor)

    page = client.get("/", follow=True)
    set_up_app(client)

    assert "Configurez-en un pour continuer" in page.content.decode()
    assert "/transactions/" not in page.content.decode().split("<main")[0]
    assert client.get("/accounts/").status_code == 200


@pytest.mark.usefixtures("required")
def test_who_has_a_factor_must_give_it_and_cannot_add_another(bank):
    App.of(bank.supervisor)
    client = with_password_alone(bank.supervisor)

    for address in ("/auth/factors/", "/auth/factors/app/", "/auth/passkeys/add/", "/auth/again/"):
        where = client.get(address).headers["Location"]
        assert where.startswith("/auth/factors/again/"), address
    given = client.post(
        "/auth/factors/again/", {"code": recovery_codes(bank.supervisor)[0], "next": "/accounts/"}
    )

    assert given.headers["Location"] == "/accounts/"
    assert client.get("/accounts/").status_code == 200


@pytest.mark.usefixtures("required")
def test_sockets_and_the_admin_hold_a_session_to_the_same_rule(bank, set_up_app):
    client = with_password_alone(bank.administrator)
    key = client.session.session_key
    request = RequestFactory().get("/admin/")
    request.user, request.session = bank.administrator, client.session

    assert agents_of_sessions([key]) == {}
    assert not admin.site.has_permission(request)

    set_up_app(client)

    request.session = client.session
    assert list(agents_of_sessions([client.session.session_key])) == [client.session.session_key]
    assert admin.site.has_permission(request)


@pytest.mark.usefixtures("required")
def test_a_teller_who_becomes_a_supervisor_needs_the_factor_at_once(bank):
    client = with_password_alone(bank.teller)
    assert client.get("/accounts/").status_code == 200

    bank.teller.role = Role.SUPERVISOR
    bank.teller.save()

    assert client.get("/accounts/").status_code == 302
    assert agents_of_sessions([client.session.session_key]) == {}


@pytest.mark.usefixtures("required")
def test_the_factor_of_somebody_else_counts_for_nothing(bank):
    client = with_password_alone(bank.supervisor)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": 0}]
    session["account_authentication_methods_user"] = str(bank.teller.pk)
    session.save()

    assert client.get("/accounts/").status_code == 302


@pytest.mark.usefixtures("required")
def test_who_removes_the_last_factor_is_led_to_set_one_up(bank, set_up_app):
    client = with_password_alone(bank.supervisor)
    set_up_app(client)
    elsewhere = Client()
    password_given(elsewhere, bank.supervisor)
    code_given(elsewhere, recovery_codes(bank.supervisor)[1])
    assert elsewhere.get("/accounts/").status_code == 200

    client.post("/auth/factors/app/remove/")

    assert not has_factors(bank.supervisor)
    assert client.get("/accounts/").headers["Location"].startswith("/auth/factors/")
    assert elsewhere.get("/accounts/").headers["Location"].startswith("/auth/login/")


def test_recovery_codes_are_shown_downloaded_and_made_anew(bank, set_up_app):
    client = with_password_alone(bank.teller)
    set_up_app(client)
    shown = client.get("/auth/factors/codes/").content.decode()
    file = client.get("/auth/factors/codes/codes.txt")
    before = re.findall(r"\b\d{8}\b", file.content.decode())

    client.post("/auth/factors/codes/new/")
    after = re.findall(r"\b\d{8}\b", client.get("/auth/factors/codes/codes.txt").content.decode())

    assert len(before) == len(after) == 10
    assert all(code in shown for code in before)
    assert not set(before) & set(after)
    assert file.headers["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert (
        file.headers["Cache-Control"].startswith("max-age=0")
        or "no-store" in file.headers["Cache-Control"]
    )


def test_setting_up_takes_a_fresh_sign_in(bank):
    client = Client()
    client.force_login(bank.supervisor)

    asked = client.get("/auth/factors/app/")

    assert asked.headers["Location"] == "/auth/again/?next=%2Fauth%2Ffactors%2Fapp%2F"
    page = client.get(asked.headers["Location"]).content.decode()
    assert "demande une connexion récente" in page
    again = client.post(
        "/auth/again/", {"password": "correct-horse-battery", "next": "/auth/factors/app/"}
    )
    assert again.headers["Location"] == "/auth/factors/app/"
    assert client.get("/auth/factors/app/").status_code == 200


@pytest.mark.parametrize(
    ("role", "is_advised"), [("teller", False), ("supervisor", True), ("auditor", True)]
)
def test_where_all_is_local_who_needed_one_elsewhere_is_told(bank, role, is_advised):
    client = with_password_alone(getattr(bank, role))

    page = client.get("/accounts/").content.decode()

    assert ("Ici, il peut s’en passer." in page) is is_advised


def test_where_somebody_decided_against_it_nobody_is_advised(bank, signed_in, settings):
    settings.SECOND_FACTOR_ROLES_SAID = "none"

    page = signed_in(bank.supervisor).get("/accounts/").content.decode()

    assert "Ici, il peut s’en passer." not in page


def test_who_has_one_is_advised_no_more(bank, set_up_app):
    client = with_password_alone(bank.supervisor)
    set_up_app(client)

    assert "Ici, il peut s’en passer." not in client.get("/accounts/").content.decode()


NO_CREDENTIALS = (
    *("9" * 5_000, "[" * 100_000, "NaN", '{"id": "\\u0000"}', '{"id": "\\ud800"}'),
    *("1", '"x"', "[1]", '{"a": 1}', '{"response": {"userHandle": 1}}'),
    '{"id": "A", "rawId": "A", "type": "public-key", "response": {}}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "AA",'
    ' "authenticatorData": "AA", "signature": "AA", "attestationObject": "AA"}}',
)


@pytest.mark.parametrize("credential", NO_CREDENTIALS)
@pytest.mark.parametrize("door", ["add", "again", "login"])
def test_a_passkey_that_is_none_is_refused_in_words(bank, door, credential):
    """Meant to fail with allauth's own forms, which fail over some of them."""
    client = Client() if door == "login" else with_password_alone(bank.supervisor)
    client.get(f"/auth/passkeys/{door}/", headers={"accept": "application/json"})

    page = client.post(
        f"/auth/passkeys/{door}/", {"name": "x", "credential": credential}, follow=True
    )

    assert page.status_code == 200
    assert door == "again" or "n’est pas valable" in page.content.decode()
    assert not Authenticator.objects.exists()


def test_a_second_factors_secret_cannot_be_read_in_the_database(client, bank):
    app = App.of(bank.supervisor)
    codes = recovery_codes(bank.supervisor)
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert app.secret not in kept
    assert not any(code in kept for code in codes)
    assert "seed" in kept


def test_under_another_key_no_code_fits_and_nothing_breaks(client, bank, settings):
    app = App.of(bank.supervisor)
    codes = recovery_codes(bank.supervisor)
    settings.SECRET_KEY = "another key " * 5

    password_given(client, bank.supervisor)

    for code in (app.code(), codes[0]):
        assert code_given(client, code).status_code == 200
    assert client.get("/accounts/").status_code == 302


def test_a_key_that_was_changed_in_order_opens_what_the_former_one_sealed(client, bank, settings):
    app = App.of(bank.supervisor)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key " * 5, [settings.SECRET_KEY]

    password_given(client, bank.supervisor)

    assert code_given(client, app.code()).status_code == 302


def at_localhost() -> Client:
    """A browser at the address that a ``SecurityKey`` is for."""
    return Client(headers={"host": "localhost"})


def challenge_of(client: Client, address: str) -> str:
    """Ask a page for a challenge, as its script does."""
    client.get(address, headers={"accept": "application/json"})
    challenge: str = client.session["mfa.webauthn.state"]["challenge"]
    return challenge


def alone(client: Client, credential: str) -> bool:
    """Give a passkey in place of name and password; tell whether that opens anything."""
    client.post("/auth/passkeys/login/", {"credential": credential})
    return client.get("/accounts/").status_code == 200


def test_a_key_signs_in_by_itself_with_its_pin_and_for_whom_it_was_asked(bank):
    key = SecurityKey.of(bank.supervisor)
    first, second = at_localhost(), at_localhost()
    challenge = challenge_of(first, "/auth/passkeys/login/")
    challenge_of(second, "/auth/passkeys/login/")

    assert not alone(first, key.answer(challenge, bank.supervisor, with_pin=False))
    assert not alone(first, key.answer(challenge, bank.stranger, with_pin=True))
    assert not alone(second, key.answer(challenge, bank.supervisor, with_pin=True))
    assert alone(first, key.answer(challenge, bank.supervisor, with_pin=True))
    assert "_auth_user_id" not in second.session


def test_the_challenge_of_a_second_factor_lets_no_key_in_by_itself(bank, settings):
    """Meant to fail with allauth's own form.

    A second factor is asked for no PIN, and whoever has a password of their own gets such a
    challenge, which outlives the sign-in that was begun: the key of somebody else, touched, would
    then be all it takes to be them.
    """
    key = SecurityKey.of(bank.supervisor)
    SecurityKey.of(bank.teller)
    client = at_localhost()
    password_given(client, bank.teller)
    challenge = challenge_of(client, "/auth/factors/login/")
    settings.ACCOUNT_LOGIN_TIMEOUT = 0

    assert not alone(client, key.answer(challenge, bank.supervisor, with_pin=False))


def test_the_code_that_set_an_app_up_is_used(bank, monkeypatch):
    monkeypatch.setattr("django.db.transaction.on_commit", lambda act: act())
    client = with_password_alone(bank.teller)
    page = client.get("/auth/factors/app/").content.decode()
    code = App(re.search(r'<code class="secret">(\w+)</code>', page)[1]).code()
    client.post("/auth/factors/app/", {"code": code})
    elsewhere = Client()
    password_given(elsewhere, bank.teller)

    answer = code_given(elsewhere, code)

    assert has_factors(bank.teller)
    assert "a déjà servi" in answer.content.decode()


def test_who_guesses_codes_keeps_nobody_else_at_the_same_address_out(bank):
    """Meant to fail with allauth's limit for an address, which a whole branch may share."""
    guessed, app = App.of(bank.teller), App.of(bank.supervisor)
    guesser, client = Client(), Client()
    password_given(guesser, bank.teller)
    for code in guessed.wrong_codes(12):
        code_given(guesser, code)

    password_given(client, bank.supervisor)
    code_given(client, app.code())

    assert client.get("/accounts/").status_code == 200


def password_changed(agent):
    agent.set_password("quelques mots sans rapport")
    agent.save()


def access_closed(agent):
    Agent.objects.filter(pk=agent.pk).update(is_active=False)


@pytest.mark.parametrize("end", [password_changed, end_all_sessions, access_closed])
def test_a_sign_in_that_waits_for_its_code_ends_with_what_ends_sessions(bank, end):
    app = App.of(bank.teller)
    client = Client()
    password_given(client, bank.teller)

    end(Agent.objects.get(pk=bank.teller.pk))
    code_given(client, app.code())

    assert "_auth_user_id" not in client.session
    assert not AuditRecord.objects.filter(act=Act.SIGN_IN, outcome=AuditOutcome.DONE).exists()


@pytest.mark.parametrize("end", [password_changed, end_all_sessions, access_closed])
def test_a_sign_in_ends_with_what_ends_sessions_while_its_password_is_looked_at(
    bank, monkeypatch, end
):
    """Meant to fail where the agent is taken as read: the log would say that who left signed in."""
    look = Agent.check_password

    def meanwhile(agent, password):
        is_right = look(agent, password)
        end(Agent.objects.get(pk=agent.pk))
        return is_right

    monkeypatch.setattr(Agent, "check_password", meanwhile)
    client = Client()
    password_given(client, bank.teller)

    assert "_auth_user_id" not in client.session
    assert not AuditRecord.objects.filter(act=Act.SIGN_IN, outcome=AuditOutcome.DONE).exists()


def test_nobody_waits_while_codes_are_counted(bank, monkeypatch):
    """Meant to fail in a transaction: SQLite has one writer, who would wait for who counts too."""
    within = []

    def noted(*_whose, **_more):
        within.append(len(connection.savepoint_ids))
        return lambda: None

    monkeypatch.setattr("allauth.mfa.totp.forms.check_rate_limit", noted)
    client = with_password_alone(bank.teller)
    client.get("/auth/factors/app/")
    client.post("/auth/factors/app/", {"code": "000000"})

    assert within == [len(connection.savepoint_ids)]


def test_no_app_is_set_up_in_a_session_that_was_ended_meanwhile(bank, monkeypatch):
    def meanwhile(*_whose, **_more):
        remove_second_factor(bank.supervisor, by=bank.administrator)
        return lambda: None

    client = with_password_alone(bank.supervisor)
    page = client.get("/auth/factors/app/").content.decode()
    app = App(re.search(r'<code class="secret">(\w+)</code>', page)[1])
    monkeypatch.setattr("allauth.mfa.totp.forms.check_rate_limit", meanwhile)
    response = client.post("/auth/factors/app/", {"code": app.code()})

    assert not has_factors(bank.supervisor)
    assert response.headers["Location"] == "/auth/factors/app/"


@pytest.mark.parametrize("page", ["/auth/factors/codes/", "/auth/factors/codes/codes.txt"])
def test_codes_are_held_while_it_is_noted_that_they_were_seen(bank, page):
    """Meant to fail without: what was read of them is written anew, and used ones are new again."""
    App.of(bank.teller)
    recovery_codes(bank.teller)
    client = with_password_alone(bank.teller)

    with CaptureQueriesContext(connection) as asked:
        assert client.get(page).status_code == 200

    asked_of_codes = [each["sql"] for each in asked if "mfa_authenticator" in each["sql"]]
    place = [each["sql"] for each in asked].index(asked_of_codes[0])
    assert asked[place - 1]["sql"].startswith(("SAVEPOINT", "BEGIN"))
    assert connection.vendor == "sqlite" or asked_of_codes[0].endswith("FOR UPDATE")
    assert asked_of_codes[-1].startswith("UPDATE")


def test_passkeys_are_kept_in_bounds(bank, monkeypatch):
    monkeypatch.setattr("accounts.sign_in_forms.MOST_PASSKEYS", 2)
    client = at_localhost()
    just_signed_in(client, bank.teller)

    def added(**more: object) -> int:
        challenge = challenge_of(client, "/auth/passkeys/add/")
        name = str(more.pop("name", "Porte-clés"))
        credential = SecurityKey().registration(challenge, **more)
        client.post("/auth/passkeys/add/", {"name": name, "credential": credential})
        return Authenticator.objects.filter(user=bank.teller, type="webauthn").count()

    assert added(padding="x" * 50_000) == 0
    assert added(name="x" * 5_000) == 0
    # What no database keeps as JSON.
    assert added(padding="\0") == added(padding="\ud800") == added(padding=float("nan")) == 0
    assert [added(), added(), added()] == [1, 2, 2]
    key = Authenticator.objects.filter(user=bank.teller, type="webauthn").first()
    client.post(f"/auth/passkeys/{key.pk}/", {"name": "x" * 5_000})
    assert Authenticator.objects.get(pk=key.pk).data["name"] == "Porte-clés"


def test_no_passkey_is_added_in_a_session_that_was_ended_meanwhile(bank, monkeypatch):
    """Meant to fail without a second look: the key of a thief would stay for good."""
    client = at_localhost()
    just_signed_in(client, bank.supervisor)
    challenge = challenge_of(client, "/auth/passkeys/add/")

    def while_it_is_counted(*_what):
        remove_second_factor(bank.supervisor, by=bank.administrator)
        return 0

    monkeypatch.setattr("accounts.views.doors.seconds_to_wait", while_it_is_counted)
    credential = SecurityKey().registration(challenge)
    response = client.post("/auth/passkeys/add/", {"name": "x", "credential": credential})

    assert not has_factors(bank.supervisor)
    assert response.headers["Location"] == "/auth/passkeys/add/"
    assert client.get("/auth/passkeys/add/").headers["Location"].startswith("/auth/login/")


def test_factors_are_removed_once_nobody_can_add_any(bank):
    """Meant to fail the other way round: one that is being added meanwhile would stay."""
    with CaptureQueriesContext(connection) as asked:
        remove_second_factor(bank.supervisor, by=bank.administrator)

    written = [each["sql"] for each in asked if each["sql"].startswith(("UPDATE", "DELETE"))]
    assert written[0].startswith('UPDATE "accounts_agent"')
