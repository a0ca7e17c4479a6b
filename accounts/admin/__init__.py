"""The admin: everything to be seen by those who watch, little of it to be kept or decided."""

from accounts.admin import boards, dead_letters, filed, ledger, log, people, submitted

__all__ = ["boards", "dead_letters", "filed", "ledger", "log", "people", "submitted"]
