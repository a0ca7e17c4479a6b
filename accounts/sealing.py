"""Secrets that the database keeps and nobody can read there: sealed with SECRET_KEY."""

import secrets
from base64 import b32encode, urlsafe_b64encode
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def sealed(text: str) -> str:
    """Give ``text`` as only this SECRET_KEY, and those of SECRET_KEY_FALLBACKS, can read it."""
    return _cipher().encrypt(text.encode()).decode()


def unsealed(text: str) -> str:
    """Give back what was sealed. Under another SECRET_KEY it is lost: nothing fits what this is."""
    try:
        return _cipher().decrypt(text.encode()).decode()
    except InvalidToken:
        return b32encode(secrets.token_bytes(20)).decode()


def _cipher() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = (sha256(b"sealed in the database " + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(urlsafe_b64encode(digest)) for digest in digests])
