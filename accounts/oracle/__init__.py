"""What the ledger has to hold, said a second time: plain Python, apart from the posting code.

Written from docs/event.md and the laws of the design, not from the code that posts: nothing in
here imports anything else of the bank's, so that a mistake there is not repeated here.
"""

from accounts.oracle.concluding import (
    DEAD,
    POSTED,
    REJECTED,
    REPEAT,
    AccountState,
    Expected,
    Oracle,
    digest_of,
    first_links,
    link_after,
)
from accounts.oracle.reading import read_event

__all__ = [
    "DEAD",
    "POSTED",
    "REJECTED",
    "REPEAT",
    "AccountState",
    "Expected",
    "Oracle",
    "digest_of",
    "first_links",
    "link_after",
    "read_event",
]
