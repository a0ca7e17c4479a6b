"""The web process: pages and sockets behind one port."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")

django = get_asgi_application()

# Needs Django to be set up.
from streaming.sockets import LiveSocket, NoSocket  # noqa: E402


async def pages(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve at the root, whatever a request says: Daphne takes another path from a header."""
    await django(scope | {"root_path": ""}, receive, send)


sockets = URLRouter([path("ws/live/", LiveSocket.as_asgi()), re_path("", NoSocket.as_asgi())])
application = ProtocolTypeRouter({"http": pages, "websocket": CookieMiddleware(sockets)})
