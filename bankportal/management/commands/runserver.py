"""Django's development server, with pages and live sockets as the portal's own server has them."""

from daphne.management.commands.runserver import Command

__all__ = ["Command"]
