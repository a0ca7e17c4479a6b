"""Where what a page says after another one is kept meanwhile: a signed cookie."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage


class HostCookieStorage(CookieStorage):
    """Django's, under a name that a browser takes from this host by HTTPS alone where that is."""

    cookie_name = "__Host-messages" if settings.SESSION_COOKIE_SECURE else "messages"
