"""The database backend that settings name."""

from django.db.backends.sqlite3 import base

from accounts.ledger.precedence import before_the_next_batch


class DatabaseWrapper(base.DatabaseWrapper):
    """Begins a transaction between two batches; see ``accounts.ledger.precedence``."""

    def _start_transaction_under_autocommit(self) -> None:
        with before_the_next_batch(str(self.settings_dict["NAME"])):
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
