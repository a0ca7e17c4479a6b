"""Whether the ledger still is what its log says: every check, and what each finds."""

from accounts.verification.discrepancy import Discrepancy
from accounts.verification.messages import LogUnreadable, Messages
from accounts.verification.seen_ids import NoRoomForIds, folder_of_ids
from accounts.verification.verifying import Verification

__all__ = [
    "Discrepancy",
    "LogUnreadable",
    "Messages",
    "NoRoomForIds",
    "Verification",
    "folder_of_ids",
]
