"""What the log had taken by a past moment, found without an index on the time of the log.

Entries are appended in nearly the order in which the log took them: partitions run beside each
other, and a consumer that was away catches up. Blocks of entries wholly before a moment are known
at it, those wholly after it are not, and only in the blocks between must each entry be asked.
"""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from accounts.selectors.blocks import bounds
from accounts.selectors.snapshot import once_a_snapshot


@dataclass(frozen=True, slots=True)
class KnownAt:
    """Which entries the log had taken at a moment: all up to ``sure``, and none beyond ``unsure``.

    Between these it is their time that tells.
    """

    at_ms: int
    sure: int
    unsure: int

    @property
    def condition(self) -> Q:
        """The condition that an entry was known."""
        asked = Q(id__lte=self.unsure, logged_at_ms__lte=self.at_ms)
        return Q(id__lte=self.unsure) & (Q(id__lte=self.sure) | asked)


@once_a_snapshot
def known_at(at_ms: int) -> KnownAt:
    """Tell which entries were known at a moment. Call it within a ``snapshot``."""
    return KnownAt(at_ms, *bounds("logged_at_ms", at_ms))


def first_moment() -> int | None:
    """Give the time of the first entry; nothing was known before. None for an empty ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT logged_at_ms FROM accounts_entry ORDER BY id LIMIT 1")
        return next((logged_at_ms for (logged_at_ms,) in cursor.fetchall()), None)
