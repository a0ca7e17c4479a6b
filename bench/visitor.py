"""What stands at the other end: a signed-in browser that sends forms and listens to its socket."""

import json
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from tests.faults.websocket import WebSocket

# Django compares the cookie with the form's field and asks for nothing else.
_CSRF = "c" * 32
_PATIENCE_S = 60
# As the pages of ours do.
_FRAMES_A_RECEIPT = 8


class Answer(NamedTuple):
    """What the web server said."""

    status: int
    body: bytes


def sign_in(username: str) -> str:
    """Sign an agent in, as signing in does; give the key of the session."""
    from django.conf import settings
    from django.contrib.auth import login
    from django.contrib.sessions.backends.db import SessionStore
    from django.http import HttpRequest

    from accounts.models import Agent

    request = HttpRequest()
    request.session = SessionStore()
    login(request, Agent.objects.get(username=username), settings.AUTHENTICATION_BACKENDS[-1])
    request.session.save()
    return str(request.session.session_key)


class Visitor:
    """One browser's pages, over one connection that is kept."""

    def __init__(self, address: str, session_key: str) -> None:
        place = urlsplit(address)
        self._connection = HTTPConnection(place.hostname or "", place.port, timeout=_PATIENCE_S)
        cookie = f"sessionid={session_key}; csrftoken={_CSRF}; django_language=en"
        self._headers = {"Cookie": cookie}

    def get(self, path: str) -> Answer:
        """Open a page; ends the run unless it is there."""
        answer = self._ask("GET", path, None, {})
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}")
        return answer

    def deposit(self, transaction_id: UUID, account: str, amount_minor: int) -> None:
        """Send the form of a deposit; ends the run unless it is taken."""
        fields = {
            "transaction_id": str(transaction_id),
            "account": account,
            "kind": "deposit",
            "amount": f"{amount_minor // 100}.{amount_minor % 100:02}",
            "reference": "",
            "csrfmiddlewaretoken": _CSRF,
        }
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._ask("POST", "/transactions/new/", urlencode(fields), form)
        if answer.status != 302:
            raise SystemExit(f"A deposit was answered {answer.status}")

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None, more: dict[str, str]) -> Answer:
        self._connection.request(method, path, body, self._headers | more)
        response = self._connection.getresponse()
        return Answer(response.status, response.read())


@dataclass
class Listener:
    """One live socket, which is told of rows: of all of them, or of those of an account.

    Of all it may miss some: of very many at once a browser is told the newest and the number.
    """

    address: str
    session_key: str
    account: str = ""
    seen: dict[str, float] = field(default_factory=dict)
    _received: int = 0

    def __post_init__(self) -> None:
        self._socket = WebSocket(
            self.address,
            "/ws/live/",
            cookie=f"sessionid={self.session_key}",
            patience_s=_PATIENCE_S,
        )
        chosen = {"filter": {"account": [self.account]}} if self.account else {}
        self._socket.send(json.dumps({"type": "subscribe", "position": None, **chosen}))
        while self._next()["type"] != "subscribed":
            pass

    def wait_for(self, transaction_id: UUID) -> float:
        """Wait until the row is told of; give the moment by ``time.perf_counter``."""
        wanted = str(transaction_id)
        while wanted not in self.seen:
            self._next()
        return self.seen[wanted]

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _next(self) -> dict[str, Any]:
        text = self._socket.receive()
        now = time.perf_counter()
        frame: dict[str, Any] = json.loads(text)
        for entry in frame.get("entries", ()):
            self.seen[entry["transaction_id"]] = now
        self._received += 1
        if self._received % _FRAMES_A_RECEIPT == 0:
            self._socket.send(json.dumps({"type": "received", "count": self._received}))
        return frame
