"""The audit log: who did what to what, when, from where, before and after. A chain of records."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.fields import HASH_LENGTH, InstantField, hashes, instant
from accounts.models.people import Agent, Branch

USERNAME_LENGTH: Final = 150
OBJECT_LENGTH: Final = 200
REQUEST_LENGTH: Final = 64
COMMAND_LENGTH: Final = 40

# What the first record goes on from.
NO_HASH: Final = bytes(HASH_LENGTH)


class Act(models.TextChoices):
    """What was done, or asked for."""

    SIGN_IN = "sign_in", _("Sign-in")
    SIGN_OUT = "sign_out", _("Sign-out")
    LOCK_OUT = "lock_out", _("Lock-out")
    UNLOCK = "unlock", _("Lock-out lifted")
    SESSION_END = "session_end", _("Sessions ended")
    PASSWORD_CHANGE = "password_change", _("Password changed")
    PASSWORD_GIVEN = "password_given", _("Password given")
    FACTOR_ADDED = "factor_added", _("Second factor added")
    FACTOR_REMOVED = "factor_removed", _("Second factor removed")
    FACTOR_RENEWED = "factor_renewed", _("Recovery codes renewed")
    REQUEST = "request", _("Page or file asked for")
    EXPORT = "export", _("Export")
    SUBMISSION = "submission", _("Transaction submitted")
    OPENING = "opening", _("Opening submitted")
    AGENT_ADDED = "agent_added", _("Agent added")
    AGENT_CHANGED = "agent_changed", _("Agent changed")
    ROLE_CHANGED = "role_changed", _("Role changed")
    BRANCH_ADDED = "branch_added", _("Branch added")
    BRANCH_CHANGED = "branch_changed", _("Branch changed")
    SHARING = "sharing", _("Dashboard shared")
    REDRIVE = "redrive", _("Dead letter redriven")
    DISCARD = "discard", _("Dead letter discarded")
    ADOPTION = "adoption", _("Log adopted")
    IMPORT = "import", _("History imported")
    BACKUP = "backup", _("Backup made")
    RESTORE = "restore", _("Backup restored")
    REBUILD = "rebuild", _("Ledger replaced")


class AuditOutcome(models.TextChoices):
    """What came of it."""

    DONE = "done", pgettext_lazy("act", "Done")
    REFUSED = "refused", pgettext_lazy("act", "Refused")
    FAILED = "failed", pgettext_lazy("act", "Failed")


class ObjectKind(models.TextChoices):
    """What it was done to."""

    ACCOUNT = "account", _("Account")
    TRANSACTION = "transaction", _("Transaction")
    TRANSACTIONS = "transactions", _("Transactions")
    AGENT = "agent", _("Agent")
    BRANCH = "branch", _("Branch")
    BOARD = "board", _("Dashboard")
    DEAD_LETTER = "dead_letter", _("Dead letter")
    LOG = "log", _("Log")
    FILE = "file", _("File")
    PAGE = "page", _("Page")
    AUDIT = "audit", _("Audit log")
    TABLE = "table", _("Table")


class AuditRecord(models.Model):
    """One act. Appended in the transaction of the act itself, and never changed.

    Ids count from 1 without a gap. Names are kept as text beside the keys, as they were then; the
    keys are not held by the database, so that a restored one keeps records of whom it has not.
    """

    id = models.BigIntegerField(primary_key=True)
    at_ms = InstantField()
    # Without choices for the database: a new act is no reason to alter the table.
    act = models.CharField(max_length=20)
    outcome = models.CharField(max_length=10)
    agent = models.ForeignKey(
        Agent,
        models.PROTECT,
        null=True,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    # Of a command, who ran it on the machine.
    username = models.CharField(max_length=USERNAME_LENGTH, blank=True)
    role = models.CharField(max_length=20, blank=True)
    command = models.CharField(max_length=COMMAND_LENGTH, blank=True)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=REQUEST_LENGTH, blank=True)
    object_kind = models.CharField(max_length=20, blank=True)
    object_id = models.CharField(max_length=OBJECT_LENGTH, blank=True)
    branch = models.ForeignKey(
        Branch,
        models.PROTECT,
        null=True,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    # JSON objects in their one canonical form, or nothing.
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    previous_hash = models.BinaryField(max_length=HASH_LENGTH)
    hash = models.BinaryField(max_length=HASH_LENGTH)

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit log")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["username", "id"], name="audit_by_name"),
            models.Index(fields=["act", "id"], name="audit_by_act"),
            models.Index(fields=["object_id", "id"], name="audit_by_object"),
            models.Index(fields=["outcome", "id"], name="audit_by_outcome"),
            models.Index(fields=["address", "id"], name="audit_by_address"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(id__gte=1), name="audit_counts_from_one"),
            models.CheckConstraint(
                condition=hashes("previous_hash", "hash"), name="audit_has_hashes"
            ),
        )

    def __str__(self) -> str:
        return f"{self.pk}"

    at = property(lambda self: instant(self.at_ms))

    def get_act_display(self) -> str:
        """Name the act; one of another release by its code."""
        return _label(Act, self.act)

    def get_outcome_display(self) -> str:
        """Name the outcome."""
        return _label(AuditOutcome, self.outcome)

    def get_object_kind_display(self) -> str:
        """Name what sort of object it is."""
        return _label(ObjectKind, self.object_kind)

    def seal(self, number: int, at_ms: int, previous_hash: bytes) -> bytes:
        """Make it the link of that number and time after ``previous_hash``; give its own."""
        self.id, self.at_ms = number, at_ms
        own = hash_of(previous_hash, {name: getattr(self, name) for name in SEALED})
        self.previous_hash, self.hash = previous_hash, own
        return own

    def values(self) -> list[Any]:
        """Give what its columns hold, in the order of ``COLUMNS``, as either database takes it."""
        return [getattr(self, name) for name in COLUMNS]


def _label(choices: type[models.TextChoices], code: str) -> str:
    return str(choices(code).label) if code in choices.values else code


COLUMNS: Final = tuple(field.attname for field in AuditRecord._meta.local_concrete_fields)
# The columns that a hash covers: all but the two hashes.
SEALED: Final = tuple(name for name in COLUMNS if name not in {"previous_hash", "hash"})


class AuditHead(models.Model):
    """The end of the audit log: one row, which each writer holds while it appends."""

    id = models.SmallIntegerField(primary_key=True)
    last_id = models.BigIntegerField()
    last_hash = models.BinaryField(max_length=HASH_LENGTH)

    class Meta:
        verbose_name = _("end of the audit log")
        verbose_name_plural = _("ends of the audit log")
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="audit_has_one_head"),
            models.CheckConstraint(
                condition=Q(last_id__gte=0) & hashes("last_hash"), name="audit_head_in_range"
            ),
        )

    def __str__(self) -> str:
        return f"{self.last_id}:{bytes(self.last_hash).hex()}"


def canonical_json(values: Mapping[str, Any]) -> str:
    """Give the one text of a JSON object: names in order, no spaces, UTF-8 as it is."""
    return msgspec.json.encode(values, order="deterministic").decode()


def hash_of(previous_hash: bytes, columns: Mapping[str, Any]) -> bytes:
    """Give the hash of a record: SHA-256 of the one before it and of its columns as JSON.

    Columns that hold nothing are left out, so that one added later changes no earlier hash.
    """
    given = {name: value for name, value in columns.items() if value is not None and value != ""}
    encoded = msgspec.json.encode(given, order="deterministic")
    return hashlib.sha256(previous_hash + encoded).digest()
