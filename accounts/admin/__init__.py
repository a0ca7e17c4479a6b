"""The admin: everything to be seen by those who watch, little of it to be kept or decided."""

from accounts.admin import dead_letters, filed, ledger, log, people, submitted

__all__ = ["dead_letters", "filed", "ledger", "log", "people", "submitted"]
