"""Lets nobody take the web process for themselves: so many requests of one party at a time.

The web server works on all requests at once, each with a thread and a connection to the database.
Whoever sent hundreds would leave neither time nor a connection to anybody else.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from accounts.client_address import client_address, network_of
from accounts.database_troubles import CANNOT_SERVE

# A page and what it fetches beside itself.
AT_ONCE: Final = 4
# More than anybody's windows ask for when a browser is opened anew.
MOST_WAITING: Final = 40
PATIENCE_S: Final = 10.0


class Turns:
    """Who is being served, and how many wait behind. For any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._served: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, int] = defaultdict(int)

    @contextmanager
    def taken(self, who: str, on_wait: Callable[[], object]) -> Iterator[bool]:
        """Give a turn for as long as the context lasts, or False where too many wait or too long.

        ``on_wait`` is called before it waits for one.
        """
        has_turn = self._take(who) or self._wait(who, on_wait)
        try:
            yield has_turn
        finally:
            if has_turn:
                self._count(self._served, who, -1)

    def _take(self, who: str) -> bool:
        with self._changed:
            if self._served[who] >= AT_ONCE:
                return False
            self._served[who] += 1
            return True

    def _wait(self, who: str, on_wait: Callable[[], object]) -> bool:
        with self._changed:
            if self._waiting[who] >= MOST_WAITING:
                return False
            self._waiting[who] += 1
        try:
            on_wait()
            with self._changed:
                return self._changed.wait_for(lambda: self._take(who), PATIENCE_S)
        finally:
            self._count(self._waiting, who, -1)

    def _count(self, numbers: dict[str, int], who: str, more: int) -> None:
        with self._changed:
            numbers[who] += more
            if not numbers[who]:
                del numbers[who]
            self._changed.notify_all()


class TurnsMiddleware:
    """Serves an agent, or an address without a session, some requests at a time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.turns = Turns()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with self.turns.taken(_who_asks(request), lambda: _let_go(request)) as is_ours:
            if is_ours:
                return self.get_response(request)
            connection.close()
            return _refusal()


def _who_asks(request: HttpRequest) -> str:
    try:
        agent_id: Any = request.session.get(SESSION_KEY)
    except CANNOT_SERVE:
        agent_id = None
    return f"agent {agent_id}" if agent_id else f"address {network_of(client_address(request))}"


def _refusal() -> HttpResponse:
    """Say so in as little work as can be; who sees it asked for dozens of pages at once."""
    said = gettext("You asked for too many pages at once. Wait a moment, then load this one again.")
    response = HttpResponse(
        said, status=HTTPStatus.TOO_MANY_REQUESTS, content_type="text/plain; charset=utf-8"
    )
    response.headers["Retry-After"] = "1"
    return response


def _let_go(request: HttpRequest) -> None:
    """Hold nothing while waiting: no connection, and no session that may end meanwhile."""
    connection.close()
    request.session = type(request.session)(request.session.session_key)
