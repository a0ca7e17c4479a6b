"""Where what a page says after another one is kept meanwhile: a signed cookie."""

from typing import Any

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.core import signing
from django.http import HttpResponse


class HostCookieStorage(CookieStorage):
    """Django's, under a name that a browser takes from this host by HTTPS alone where that is.

    What was still to be said to an agent is said to nobody else who uses the browser: not to
    another agent, and not to whoever finds the sign-in page once the session is over.
    """

    cookie_name = "__Host-messages" if settings.SESSION_COOKIE_SECURE else "messages"

    def _get(self, *args: Any, **kwargs: Any) -> Any:
        self._sign_for_reader()
        return super()._get(*args, **kwargs)  # type: ignore[misc] # not in stubs

    def _store(self, messages: Any, response: HttpResponse, *args: Any, **kwargs: Any) -> Any:
        self._sign_for_reader()
        return super()._store(messages, response, *args, **kwargs)  # type: ignore[misc]

    def _sign_for_reader(self) -> None:
        """Take the one who is signed in now: that changes within a request."""
        reader = getattr(self.request, "user", None)
        salt = f"{self.key_salt} {getattr(reader, 'pk', None)}"
        self.signer = signing.get_cookie_signer(salt=salt)
