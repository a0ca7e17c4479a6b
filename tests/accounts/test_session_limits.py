"""How long sessions go on, what prolongs them, and what ends them."""

import time
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.models import Agent, Role, Submission
from accounts.selectors.open_sessions import browser_of
from accounts.selectors.sessions import ACTIVE, BEGAN, agents_of_sessions
from tests.accounts.conftest import remember
from tests.accounts.second_factors import password_given

FETCHED = {"sec-fetch-dest": "empty"}
IDLE_S, WHOLE_S = 15 * 60, 10 * 3600


def now() -> float:
    return time.time()


@pytest.fixture
def client(bank) -> Client:
    """Give a browser in which the teller signed in on the portal's own page."""
    client = Client(headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"})
    password_given(client, bank.teller)
    return client


def is_in(client: Client) -> bool:
    key = client.session.session_key
    by_socket = bool(key) and key in agents_of_sessions([key])
    by_page = client.get("/accounts/", headers=FETCHED).status_code == 200
    assert by_socket is by_page
    return by_page


@pytest.mark.parametrize(
    ("began_s", "active_s", "goes_on"),
    [
        (WHOLE_S - 5, IDLE_S - 5, True),
        (WHOLE_S - 5, IDLE_S + 1, False),
        (WHOLE_S + 1, 0, False),
    ],
)
def test_a_session_ends_unused_and_however_much_it_is_used(client, began_s, active_s, goes_on):
    remember(client, **{BEGAN: now() - began_s, ACTIVE: now() - active_s})

    assert is_in(client) is goes_on


def test_a_session_that_does_not_know_when_it_began_is_over(client):
    session = client.session
    del session[BEGAN]
    session.save()

    assert not is_in(client)


def test_limits_are_settings(client, settings):
    settings.SESSION_IDLE_MINUTES, settings.SESSION_HOURS = 2, 1
    remember(client, **{ACTIVE: now() - 121})
    assert not is_in(client)


def test_a_page_prolongs_a_session_and_what_it_fetches_does_not(client):
    before = now() - 600
    remember(client, **{ACTIVE: before})

    client.get("/accounts/", headers=FETCHED)
    client.get("/auth/session/", headers=FETCHED)
    assert client.session[ACTIVE] == before

    client.get("/accounts/")
    assert client.session[ACTIVE] > before + 500


def test_the_moment_of_use_is_written_at_most_once_a_minute(client):
    fresh = now() - 50
    remember(client, **{ACTIVE: fresh})

    client.get("/accounts/")

    assert client.session[ACTIVE] == fresh


def test_a_page_asks_how_long_it_has_and_goes_on(client):
    remember(client, **{ACTIVE: now() - 870})

    asked = client.get("/auth/session/", headers=FETCHED).json()
    prolonged = client.post("/auth/session/", headers=FETCHED).json()

    assert 25 < asked["left_s"] <= 30
    assert IDLE_S - 5 < prolonged["left_s"] <= IDLE_S


def test_a_page_is_told_whether_its_session_opens_anything(client):
    assert client.get("/auth/session/", headers=FETCHED).json()["opens"]

    Agent.objects.update(must_change_password=True)
    assert not client.get("/auth/session/", headers=FETCHED).json()["opens"]


def test_nothing_prolongs_a_session_beyond_its_last_hour(client):
    remember(client, **{BEGAN: now() - WHOLE_S + 30})

    assert client.post("/auth/session/", headers=FETCHED).json()["left_s"] <= 30


def test_after_its_end_a_session_is_said_to_be_over_and_cannot_be_prolonged(client):
    remember(client, **{ACTIVE: now() - IDLE_S - 1})

    answer = client.post("/auth/session/", headers=FETCHED)
    assert (answer.status_code, answer.json()["left_s"]) == (401, 0)


def test_whoever_comes_back_too_late_is_told_and_led_back(client):
    remember(client, **{ACTIVE: now() - IDLE_S - 1})

    response = client.get("/transactions/")
    door = client.get(response.headers["Location"]).content.decode()

    assert response.headers["Location"] == "/auth/login/?next=/transactions/"
    assert "Votre session est terminée." in door
    assert not Session.objects.exists()


def test_who_sends_a_form_too_late_is_told_that_nothing_was_sent(client):
    remember(client, **{ACTIVE: now() - IDLE_S - 1})

    response = client.post("/transactions/new/", {"account": "C100", "amount": "10"})
    door = client.get(response.headers["Location"]).content.decode()

    assert "Votre session est terminée, et rien n’a été envoyé." in door
    assert not Submission.objects.exists()


def test_every_page_carries_the_warning_and_no_other(client):
    page = client.get("/accounts/").content.decode()

    assert 'id="session"' in page
    assert 'id="session"' not in Client().get("/auth/login/").content.decode()


def test_a_session_has_another_key_after_the_sign_in(bank):
    client = Client()
    client.get("/auth/login/")
    remember(client, planted=True)
    planted = client.session.session_key

    password_given(client, bank.teller)

    assert client.session.session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()


def test_signing_out_ends_all_sessions_of_the_agent(client, bank):
    elsewhere = Client()
    password_given(elsewhere, bank.teller)

    client.post("/auth/logout/")

    assert not is_in(client)
    assert not is_in(elsewhere)


def test_signing_out_of_the_admin_does_the_same(bank, signed_in):
    here, elsewhere = signed_in(bank.supervisor), signed_in(bank.supervisor)

    here.post("/admin/logout/")

    assert not is_in(elsewhere)


@pytest.mark.parametrize("changes", [{"is_active": False}, {"password": "!"}])
def test_disabling_and_another_password_end_sessions(client, bank, changes):
    Agent.objects.filter(pk=bank.teller.pk).update(**changes)

    assert not is_in(client)


def test_a_role_that_sees_no_customers_narrows_a_session_at_once(client, bank):
    Agent.objects.filter(pk=bank.teller.pk).update(role=Role.OPERATOR)

    assert client.get("/accounts/").status_code == 403


def test_agents_see_where_they_are_signed_in_and_end_it_there(client, bank):
    elsewhere = Client(headers={"user-agent": "Mozilla/5.0 (Linux) Chrome/150.0 Safari/537"})
    password_given(elsewhere, bank.teller, REMOTE_ADDR="192.0.2.77")
    password_given(Client(), bank.stranger, REMOTE_ADDR="192.0.2.99")

    page = client.get("/auth/sessions/")
    sessions = page.context["sessions"]
    client.post("/auth/sessions/", {"session": str(sessions[1].pk)})

    assert [each.browser for each in sessions] == ["Firefox, Windows", "Chrome, Linux"]
    assert [each.address for each in sessions] == ["127.0.0.1", "192.0.2.77"]
    assert "Celle-ci" in page.content.decode()
    assert is_in(client)
    assert not is_in(elsewhere)


def test_agents_end_all_other_sessions_and_keep_this_one(client, bank):
    elsewhere, unlisted = Client(), Client()
    password_given(elsewhere, bank.teller)
    unlisted.force_login(bank.teller)

    client.post("/auth/sessions/", {"session": "others"})

    assert [is_in(each) for each in (client, elsewhere, unlisted)] == [True, False, False]


def test_a_session_that_ended_all_others_is_listed_in_the_next_one(client, bank):
    """Meant to fail where its new key is in no list: whoever stole it would go on unseen."""
    client.post("/auth/sessions/", {"session": "others"})
    elsewhere = Client()
    password_given(elsewhere, bank.teller)

    listed = elsewhere.get("/auth/sessions/").context["sessions"]
    elsewhere.post("/auth/sessions/", {"session": str(listed[1].pk)})

    assert [each.browser for each in listed] == ["", "Firefox, Windows"]
    assert not is_in(client)


def test_a_session_left_open_ends_no_others(bank):
    stolen, elsewhere = Client(), Client()
    stolen.force_login(bank.teller)
    password_given(elsewhere, bank.teller)

    response = stolen.post("/auth/sessions/", {"session": "others"})

    assert response.headers["Location"] == "/auth/again/?next=%2Fauth%2Fsessions%2F"
    assert is_in(elsewhere)


def test_nobody_ends_the_session_of_another_agent(client, bank):
    from allauth.usersessions.models import UserSession

    other = Client()
    password_given(other, bank.stranger)
    key = UserSession.objects.get(user=bank.stranger).pk

    assert client.post("/auth/sessions/", {"session": str(key)}).status_code == 400
    assert is_in(other)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("curl/8", ""),
    ],
)
def test_a_browser_is_named_as_people_know_it(user_agent, name):
    assert browser_of(user_agent) == name


def test_nobody_fills_the_table_of_sessions_by_asking_for_a_passkey(db, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    ask = {"headers": {"x-requested-with": "XMLHttpRequest"}}

    codes = [Client().get("/auth/passkeys/login/", **ask).status_code for _ in range(4)]

    assert codes == [200, 200, 429, 429]
    assert Session.objects.count() == 2


def test_sessions_that_have_expired_are_forgotten_when_somebody_signs_in(bank):
    Session.objects.create(session_key="old", expire_date=timezone.now() - timedelta(seconds=1))
    client = Client()

    password_given(client, bank.teller)

    assert [each.session_key for each in Session.objects.all()] == [client.session.session_key]
