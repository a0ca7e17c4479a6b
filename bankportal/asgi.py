"""The web process: pages and sockets behind one port."""

import os
from typing import Any

import django
from asgiref.sync import sync_to_async
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")

django.setup(set_prefix=False)

# These need Django to be set up.
from django.core.handlers.asgi import ASGIHandler  # noqa: E402

from streaming.sockets import LiveSocket, NoSocket  # noqa: E402


class PageHandler(ASGIHandler):
    """Django's, in which each request has one thread from the first middleware to the last.

    Django's own goes back to the event loop between them, for what is asynchronous; of ours
    nothing is, and each way there and back takes longer than most middleware.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Put the middleware together as for a server without an event loop."""
        super().load_middleware(is_async=False)
        chain: Any = self._middleware_chain  # type: ignore[has-type] # not in stubs
        self._middleware_chain = sync_to_async(chain, thread_sensitive=True)


_handler = PageHandler()


async def pages(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve at the root, whatever a request says: Daphne takes another path from a header."""
    await _handler(scope | {"root_path": ""}, receive, send)


sockets = URLRouter([path("ws/live/", LiveSocket.as_asgi()), re_path("", NoSocket.as_asgi())])
application = ProtocolTypeRouter({"http": pages, "websocket": CookieMiddleware(sockets)})
