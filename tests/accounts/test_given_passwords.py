"""Passwords: those that somebody else gave, and those that an agent chooses."""

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts.models import Agent, AuditRecord, Role
from accounts.selectors.sessions import agents_of_sessions
from accounts.sign_in import AgentAdapter
from tests.accounts.conftest import PASSWORD
from tests.accounts.second_factors import password_given

CHOSEN = "quelques mots sans rapport"


def change(client, new: str = CHOSEN, old: str = PASSWORD, **more: str):
    form = {"oldpassword": old, "password1": new, "password2": new} | more
    return client.post("/auth/password/", form)


@pytest.mark.parametrize("given", ["", "a hash of another one"])
def test_a_hash_is_made_anew_unless_another_password_was_given_meanwhile(bank, given):
    """Meant to fail with Django's own, which would bring the former password back."""
    former = make_password(PASSWORD, hasher="pbkdf2_sha1")
    agents = Agent.objects.filter(pk=bank.teller.pk)
    agents.update(password=former)
    agent = agents.get()
    if given:
        agents.update(password=given)

    assert agent.check_password(PASSWORD)

    kept = agents.get().password
    assert kept == given or (not given and kept.startswith("pbkdf2_sha256$"))


@pytest.fixture
def given(bank):
    bank.teller.must_change_password = True
    bank.teller.save()
    client = Client()
    password_given(client, bank.teller)
    return client


@pytest.mark.parametrize(
    "address", ["/", "/accounts/", "/accounts/C100/", "/transactions/export.csv", "/auth/factors/"]
)
def test_a_given_password_opens_nothing_but_the_page_to_change_it(given, address):
    response = given.get(address)

    assert response.headers["Location"].startswith("/auth/password/?next=")
    assert agents_of_sessions([given.session.session_key]) == {}


def test_once_it_is_changed_everything_opens_and_leads_back(given):
    page = given.get("/accounts/C100/", follow=True).content.decode()
    response = change(given, next="/accounts/C100/")

    assert "donné par quelqu’un d’autre" in page
    assert response.headers["Location"] == "/accounts/C100/"
    assert given.get("/accounts/C100/").status_code == 200
    assert not Agent.objects.get(username="teller").must_change_password


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"new": PASSWORD}, "Choisissez un autre mot de passe que l’actuel."),
        ({"new": "trop court"}, "12 caractères"),
        ({"new": "password1234"}, "trop courant"),
        ({"new": "Bankportal 2026!"}, "plus que des mots de la banque"),
        ({"new": "guichet-Bellecour"}, "plus que des mots de la banque"),
        ({"old": "not the password"}, "Ce n’est pas votre mot de passe actuel."),
        ({"password2": "autre chose encore"}, '<p class="field__error" id="id_password2_error"'),
    ],
)
def test_a_password_that_will_not_do_is_refused_with_the_reason(given, changes, words):
    page = change(given, **changes).content.decode()

    assert words in page
    assert given.get("/accounts/").status_code == 302
    assert Agent.objects.get(username="teller").check_password(PASSWORD)


def test_a_phrase_may_hold_a_word_of_the_bank(given):
    change(given, new="correct-horse-bankportal")

    assert Agent.objects.get(username="teller").check_password("correct-horse-bankportal")


def test_a_changed_password_ends_all_other_sessions(bank):
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        password_given(client, bank.teller)

    change(here)

    assert here.get("/accounts/").status_code == 200
    assert elsewhere.get("/accounts/").status_code == 302
    assert agents_of_sessions([elsewhere.session.session_key or "none"]) == {}


def test_a_password_given_in_the_admin_must_be_changed(bank, signed_in):
    client = signed_in(bank.administrator)
    form = {"usable_password": "true", "password1": CHOSEN, "password2": CHOSEN}

    client.post(f"/admin/accounts/agent/{bank.teller.pk}/password/", form)

    bank.teller.refresh_from_db()
    assert bank.teller.check_password(CHOSEN)
    assert bank.teller.must_change_password


def test_an_agent_added_in_the_admin_must_change_the_password(bank, signed_in):
    form = {
        "username": "claire",
        "usable_password": "true",
        "password1": CHOSEN,
        "password2": CHOSEN,
        "role": Role.TELLER,
        "branch": bank.teller.branch.pk,
    }

    signed_in(bank.administrator).post("/admin/accounts/agent/add/", form)

    assert Agent.objects.get(username="claire").must_change_password


def test_administrators_change_their_own_password_as_everybody_does(bank, signed_in):
    number = bank.administrator.pk
    own = [f"/admin/accounts/agent/{text}/password/" for text in (number, f"0{number}")]

    for address in (*own, "/admin/password_change/"):
        client = signed_in(bank.administrator)
        assert client.get(address).headers["Location"] == "/auth/password/"
        assert client.post(address).headers["Location"] == "/auth/password/"


@pytest.mark.parametrize("page", ["add/", "{}/change/", "{}/password/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_admin_takes_a_fresh_sign_in_before_it_changes_agents(bank, page, method):
    client = Client()
    client.force_login(bank.administrator)
    address = f"/admin/accounts/agent/{page.format(bank.teller.pk)}"

    response = getattr(client, method)(address)

    assert response.headers["Location"].startswith("/auth/again/?next=%2Fadmin%2F")
    assert not client.session.get("account_reauthentication_state")


@pytest.fixture
def meanwhile(monkeypatch):
    """Let an agent be changed while the password of a form is looked at, which takes a second."""

    def let_change(agent: Agent, **values: object) -> None:
        look = AgentAdapter.reauthenticate

        def look_and_change(*args):
            found = look(*args)
            Agent.objects.filter(pk=agent.pk).update(**values)
            return found

        monkeypatch.setattr(AgentAdapter, "reauthenticate", look_and_change)

    return let_change


def test_changing_ones_password_brings_no_former_right_back(bank, signed_in, meanwhile):
    """Meant to fail where all of the agent is written, as it was read seconds before."""
    client = signed_in(bank.teller)
    meanwhile(bank.teller, role=Role.OPERATOR, branch=bank.stranger.branch, first_name="Anna")

    change(client)

    now = Agent.objects.get(pk=bank.teller.pk)
    assert (now.role, now.branch, now.first_name) == ("operator", bank.stranger.branch, "Anna")
    assert now.check_password(CHOSEN)


@pytest.mark.parametrize(
    "end",
    [
        {"is_active": False},
        {"sessions_ended": 7},
        {"password": "given by the supervisor", "must_change_password": True},
    ],
)
def test_what_ends_sessions_ends_the_change_of_a_password_too(bank, signed_in, meanwhile, end):
    client = signed_in(bank.teller)
    meanwhile(bank.teller, **end)
    records = AuditRecord.objects.filter(act="password_change")

    response = change(client)

    now = Agent.objects.get(pk=bank.teller.pk)
    assert {name: getattr(now, name) for name in end} == end
    assert not now.check_password(CHOSEN)
    assert (response.headers["Location"], records.count()) == ("/auth/password/", 0)
    assert client.get("/accounts/").headers["Location"].startswith("/auth/login/")


def test_a_password_whose_change_cannot_be_recorded_is_not_taken(bank, signed_in, monkeypatch):
    client = signed_in(bank.teller)
    client.raise_request_exception = False
    monkeypatch.setattr("accounts.services.access.record", lambda *_a, **_b: 1 / 0)

    assert change(client).status_code == 500
    assert Agent.objects.get(pk=bank.teller.pk).check_password(PASSWORD)


@pytest.mark.parametrize("old", ["", "not the password"])
def test_nobody_learns_here_whether_a_password_is_the_present_one(given, old):
    """Meant to fail where it is compared without that: guesses would count for nothing."""
    page = change(given, new=PASSWORD, old=old).content.decode()

    assert "Choisissez un autre mot de passe que l’actuel." not in page
