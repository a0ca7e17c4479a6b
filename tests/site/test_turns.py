"""How many requests of one party are worked on at a time."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.cache import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from bankportal import turns
from bankportal.turns import AT_ONCE, MOST_WAITING, Turns, TurnsMiddleware
from tests.processes import wait_until


def nothing() -> None:
    """Hold nothing, so let nothing go."""


class Served:
    """Pages that take until they are told to end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.agents: dict[str, str | None] = {}
        self.may_end = threading.Event()
        self.middleware = TurnsMiddleware(self._page)
        self.answers: list[HttpResponse] = []
        self._threads: list[threading.Thread] = []

    def _page(self, request: HttpRequest) -> HttpResponse:
        self.agents[request.path] = request.session.get(SESSION_KEY)
        self.begun.append(request.path)
        assert self.may_end.wait(20)
        return HttpResponse("a page")

    def ask(self, path: str, agent: str = "", address: str = "192.0.2.7") -> SessionStore:
        request = RequestFactory().get(path, REMOTE_ADDR=address)
        session = request.session = SessionStore()
        if agent:
            session[SESSION_KEY] = agent
            session.save()
        thread = threading.Thread(target=lambda: self.answers.append(self.middleware(request)))
        self._threads.append(thread)
        thread.start()
        return session

    def end(self) -> None:
        self.may_end.set()
        for thread in self._threads:
            thread.join(20)


@pytest.fixture
def served(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    served = Served()
    yield served
    served.end()


def of(served: Served, path: str) -> Callable[[], bool]:
    return lambda: path in served.begun


@pytest.mark.parametrize(
    ("whose", "another"),
    [
        ({"agent": "1"}, {"agent": "2"}),
        ({"address": "192.0.2.7"}, {"address": "192.0.2.8"}),
        ({"address": "2001:db8::1"}, {"address": "2001:db8:0:1::1"}),
    ],
)
def test_whoever_asks_for_much_at_once_keeps_nobody_else_waiting(served, whose, another):
    for number in range(AT_ONCE + 3):
        served.ask(f"/much/{number}/", **whose)
    wait_until(lambda: len(served.begun) == AT_ONCE, "some are served")

    served.ask("/another/", **another)
    wait_until(of(served, "/another/"), "the other is served")

    assert len(served.begun) == AT_ONCE + 1
    served.end()
    assert len(served.begun) == AT_ONCE + 4
    assert {answer.status_code for answer in served.answers} == {200}


def test_one_agent_is_one_in_all_sessions_and_an_address_of_ipv6_is_a_network(served):
    for number in range(AT_ONCE + 1):
        served.ask("/agent/", agent="1", address=f"192.0.2.{number}")
        served.ask("/address/", address=f"2001:db8::{number}")
    wait_until(lambda: len(served.begun) == 2 * AT_ONCE, "some are served")

    assert served.begun.count("/agent/") == AT_ONCE


def test_who_waits_too_long_and_whoever_comes_behind_too_many_is_refused(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE_S", 0.01)
    queue = Turns()
    with ExitStack() as held:
        for _ in range(AT_ONCE):
            assert held.enter_context(queue.taken("agent 1", nothing))
        with queue.taken("agent 1", nothing) as has_turn:
            assert not has_turn
        # Each is asked for while all before it wait.
        refused: list[bool] = []

        def wait_behind(number: int) -> None:
            with queue.taken("agent 1", lambda: number and wait_behind(number - 1)) as has_turn:
                refused.append(has_turn)

        wait_behind(MOST_WAITING + 5)
        assert refused == [False] * (MOST_WAITING + 1)
    with queue.taken("agent 1", nothing) as has_turn:
        assert has_turn


def test_who_is_refused_is_told_to_come_again(served, monkeypatch):
    monkeypatch.setattr(turns, "MOST_WAITING", 0)
    for _ in range(AT_ONCE + 1):
        served.ask("/")

    wait_until(lambda: served.answers, "one is refused")

    (refused,) = served.answers
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert "trop de pages" in refused.content.decode()


def test_nothing_is_held_while_waiting(served, monkeypatch):
    closed: list[bool] = []
    own = SimpleNamespace(close=lambda: closed.append(True))
    monkeypatch.setattr(turns, "connection", own)
    for _ in range(AT_ONCE):
        served.ask("/", agent="1")
    wait_until(lambda: len(served.begun) == AT_ONCE, "some are served")
    assert not closed

    session = served.ask("/last/", agent="1")
    wait_until(lambda: closed == [True], "the connection is let go")
    # It ends meanwhile.
    SessionStore(session.session_key).delete()
    served.end()

    assert served.agents["/last/"] is None
