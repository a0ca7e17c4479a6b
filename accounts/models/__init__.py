"""The tables of the bank."""

from accounts.models.account import Account, AccountStatus, Balance
from accounts.models.audit import Act, AuditHead, AuditOutcome, AuditRecord, ObjectKind
from accounts.models.board import READER_ROLES, Board
from accounts.models.dead_letter import DeadLetter, DeadLetterDecision, DeadReason, Decision
from accounts.models.ledger import (
    KIND_BY_CODE,
    TRANSACTION_KINDS,
    DailyTotal,
    Entry,
    EntryKind,
    Kind,
    Outcome,
    Reason,
)
from accounts.models.log import Log, LogPosition
from accounts.models.people import ADMIN_ROLES, BRANCH_ROLES, Agent, Branch, Role
from accounts.models.submission import Outbox, Submission
from accounts.models.verification_result import VerificationResult

__all__ = [
    "ADMIN_ROLES",
    "BRANCH_ROLES",
    "KIND_BY_CODE",
    "READER_ROLES",
    "TRANSACTION_KINDS",
    "Account",
    "AccountStatus",
    "Act",
    "Agent",
    "AuditHead",
    "AuditOutcome",
    "AuditRecord",
    "Balance",
    "Board",
    "Branch",
    "DailyTotal",
    "DeadLetter",
    "DeadLetterDecision",
    "DeadReason",
    "Decision",
    "Entry",
    "EntryKind",
    "Kind",
    "Log",
    "LogPosition",
    "ObjectKind",
    "Outbox",
    "Outcome",
    "Reason",
    "Role",
    "Submission",
    "VerificationResult",
]
