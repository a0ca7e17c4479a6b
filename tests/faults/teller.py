"""An agent at the counter, over HTTP: what was acknowledged to whom is what counts for I5."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from accounts.identifiers import new_transaction_id
from tests.processes import wait_until

_PATIENCE_S = 30.0
# Django compares the cookie with the form's field and asks for nothing else.
_CSRF = "c" * 32


@dataclass(frozen=True)
class Answer:
    """What the web server said."""

    status: int
    location: str
    body: str


@dataclass
class Teller:
    """One signed-in agent. ``acknowledged`` holds what the portal took, each with its receipt."""

    address: Callable[[], str]
    session_key: str
    acknowledged: dict[UUID, str] = field(default_factory=dict)

    def deposit(self, amount_minor: int, account: str = "C100", **more: Any) -> Answer:
        """Pay in; give the answer to the form."""
        return self.submit("deposit", amount_minor, account, **more)

    def withdraw(self, amount_minor: int, account: str = "C100", **more: Any) -> Answer:
        """Pay out; give the answer to the form."""
        return self.submit("withdrawal", amount_minor, account, **more)

    def submit(
        self,
        kind: str,
        amount_minor: int,
        account: str = "C100",
        transaction_id: UUID | None = None,
        reference: str = "",
    ) -> Answer:
        """Send the form once. Raises ``OSError`` where the server gives no answer."""
        identifier = transaction_id or new_transaction_id()
        fields = {
            "transaction_id": str(identifier),
            "account": account,
            "kind": kind,
            "amount": f"{amount_minor // 100}.{amount_minor % 100:02}",
            "reference": reference,
        }
        answer = self.post("/transactions/new/", fields)
        if answer.status == 302:
            self.acknowledged[identifier] = answer.location
        return answer

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form as a browser does."""
        body = urlencode(fields | {"csrfmiddlewaretoken": _CSRF})
        return self._ask("POST", path, body)

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._ask("GET", path)

    def waits_for(self, transaction_id: UUID, state: str) -> None:
        """Look at the receipt's state until it is ``state``."""
        path = f"/transactions/{transaction_id}/status/"
        wait_until(lambda: f'"state": "{state}"' in self.get(path).body, f"it is {state}")

    def _ask(self, method: str, path: str, body: str | None = None) -> Answer:
        place = urlsplit(self.address())
        connection = HTTPConnection(place.hostname, place.port, timeout=_PATIENCE_S)
        headers = {
            "Cookie": f"sessionid={self.session_key}; csrftoken={_CSRF}; django_language=en",
            **({"Content-Type": "application/x-www-form-urlencoded"} if body else {}),
        }
        try:
            connection.request(method, path, body, headers)
            return _read(connection.getresponse())
        finally:
            connection.close()


def _read(response: HTTPResponse) -> Answer:
    body = response.read().decode(errors="replace")
    return Answer(response.status, response.headers.get("Location", ""), body)
