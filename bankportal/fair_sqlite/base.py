"""The database backend that settings name."""

from collections.abc import Callable
from typing import Any, Final

from django.db.backends.sqlite3 import base

from accounts.ledger.precedence import before_the_next_batch

_WRITES: Final = ("INSERT", "UPDATE", "DELETE")


class DatabaseWrapper(base.DatabaseWrapper):
    """Begins to write between two batches; see ``accounts.ledger.precedence``.

    So does each transaction, and each statement that writes outside of one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_write_before_the_next_batch)

    def _start_transaction_under_autocommit(self) -> None:
        with before_the_next_batch(str(self.settings_dict["NAME"])):
            super()._start_transaction_under_autocommit()  # type: ignore[misc]


def _write_before_the_next_batch(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    wrapper: DatabaseWrapper = context["connection"]
    if wrapper.in_atomic_block or not sql.lstrip().startswith(_WRITES):
        return execute(sql, params, many, context)
    with before_the_next_batch(str(wrapper.settings_dict["NAME"])):
        return execute(sql, params, many, context)
