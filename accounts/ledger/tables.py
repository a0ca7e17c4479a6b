"""Which tables posting works on: those that everybody reads, or those of a rebuild."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db import connection

_LIVE_PREFIX: Final = "accounts_"
# On PostgreSQL a schema of their own, so that indexes and constraints can have their own names.
SCRATCH_SCHEMA: Final = "bankportal_scratch"
SCRATCH_PREFIX: Final = "scratch_"

# What a rebuild makes anew, by the names that everybody reads.
LEDGER_TABLES: Final = (
    "accounts_entry",
    "accounts_balance",
    "accounts_dailytotal",
    "accounts_deadletter",
    "accounts_logposition",
)
_NAMES = re.compile(rf"\b{_LIVE_PREFIX}(?=(?:{'|'.join(n[9:] for n in LEDGER_TABLES)})\b)")


@dataclass(frozen=True, slots=True)
class LedgerTables:
    """The tables whose names begin with ``prefix``."""

    prefix: str

    @property
    def are_live(self) -> bool:
        """Whether everybody reads them."""
        return self.prefix == _LIVE_PREFIX

    def sql(self, statement: str) -> str:
        """Give ``statement``, written for the live tables, for these; made once for each."""
        return _renamed(statement, self.prefix)


LIVE: Final = LedgerTables(_LIVE_PREFIX)


def scratch_tables() -> LedgerTables:
    """Give the tables of a rebuild on this database."""
    if connection.vendor == "postgresql":
        return LedgerTables(f"{SCRATCH_SCHEMA}.{_LIVE_PREFIX}")
    return LedgerTables(SCRATCH_PREFIX)


@cache
def _renamed(statement: str, prefix: str) -> str:
    return _NAMES.sub(prefix, statement)
