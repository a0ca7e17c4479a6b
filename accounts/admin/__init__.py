"""The admin: everything to be seen by those who watch, agents and branches to be kept."""

from accounts.admin import filed, ledger, log, people, submitted

__all__ = ["filed", "ledger", "log", "people", "submitted"]
