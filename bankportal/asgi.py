"""The web process: pages and sockets behind one port."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")

application = ProtocolTypeRouter({"http": get_asgi_application()})
