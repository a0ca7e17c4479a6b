"""Where sessions are kept: in the database, under keys that Django has made."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore


class SessionStore(DatabaseStore):
    """Django's, which would look for whatever stands in the cookie.

    PostgreSQL takes no NUL in a text, and fails over a key that has one: anybody could have each
    page fail for them, without a session.
    """

    def _validate_session_key(self, key: Any) -> bool:
        is_one: bool = super()._validate_session_key(key)  # type: ignore[misc] # not in stubs
        return bool(is_one) and key.isascii() and key.isalnum()
