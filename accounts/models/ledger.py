"""The ledger: what the bank concluded from the log, in log order."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from accounts.models.account import CURRENCY_LENGTH, NUMBER_LENGTH, Account
from accounts.models.fields import HASH_LENGTH, IdentifierField, InstantField, hashes, instant
from accounts.models.log import Log
from accounts.models.submission import DATES, REFERENCE_LENGTH
from accounts.money import GREATEST_BALANCE_MINOR, GREATEST_MINOR, MoneyField


class EntryKind(models.Model):
    """What an entry can be. A table, since a check constraint cannot grow without a rebuild."""

    id = models.SmallIntegerField(primary_key=True)
    code = models.CharField(_("code"), max_length=30, unique=True)
    # +1 adds to the customer's balance, -1 takes from it, 0 moves nothing.
    sign = models.SmallIntegerField(_("sign"))
    is_transaction = models.BooleanField(_("moves money"))

    class Meta:
        verbose_name = _("kind")
        verbose_name_plural = _("kinds")

    def __str__(self) -> str:
        return self.code


class Kind(models.IntegerChoices):
    """The rows of ``EntryKind``, written by the first migration."""

    ACCOUNT_OPENED = 1, _("Account opened")
    DEPOSIT = 2, _("Deposit")
    WITHDRAWAL = 3, _("Withdrawal")


KIND_BY_CODE = {kind.name.lower(): kind for kind in Kind}
TRANSACTION_KINDS = (Kind.DEPOSIT, Kind.WITHDRAWAL)


class Outcome(models.IntegerChoices):
    """How an entry was concluded. Final."""

    POSTED = 1, _("Posted")
    REJECTED = 2, _("Rejected")


class Reason(models.TextChoices):
    """Why an entry was rejected; or, on a posted one, what is remarkable about it."""

    NONE = "", ""
    OVERDRAFT = "overdraft", _("Below the least balance")
    UNKNOWN_ACCOUNT = "unknown_account", _("No such account")
    FROZEN = "frozen", _("Account frozen")
    OTHER_CURRENCY = "other_currency", _("Other currency")
    ALREADY_OPEN = "already_open", _("Account already open")
    OUT_OF_RANGE = "out_of_range", _("Beyond the limits of an account")
    OVERDRAWN = "overdrawn", _("Overdrawn")


class Entry(models.Model):
    """A concluded event. Appended, never changed. Its id orders this ledger only."""

    transaction_id = IdentifierField(_("transaction"), unique=True)
    account = models.ForeignKey(
        Account,
        models.DO_NOTHING,
        to_field="number",
        db_column="account",
        db_constraint=False,
        related_name="entries",
        verbose_name=_("account"),
    )
    kind = models.ForeignKey(EntryKind, models.PROTECT, db_index=False, verbose_name=_("kind"))
    outcome = models.SmallIntegerField(_("outcome"), choices=Outcome)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, blank=True)
    amount_minor = MoneyField(_("amount"))
    currency = models.CharField(_("currency"), max_length=CURRENCY_LENGTH)
    # After posting, in log order; null where there is no account.
    balance_minor = MoneyField(_("balance after"), null=True)
    business_date = models.DateField(_("business date"), db_index=True)
    reference = models.CharField(_("reference"), max_length=REFERENCE_LENGTH, blank=True)
    source = models.CharField(_("source"), max_length=40)
    submitted_by = models.CharField(_("submitted by"), max_length=150)
    submitted_at_ms = InstantField(_("submitted at"))
    logged_at_ms = InstantField(_("logged at"))
    posted_at_ms = InstantField(_("posted at"))
    log = models.ForeignKey(Log, models.PROTECT, db_index=False, verbose_name=_("log"))
    partition = models.IntegerField(_("partition"))
    offset = models.BigIntegerField(_("offset"))
    digest = models.BinaryField(_("digest of key and value"), max_length=HASH_LENGTH)
    link = models.BinaryField(_("link of the chain"), max_length=HASH_LENGTH)
    # Room for later kinds: the transaction that this one reverses, the leg this one answers.
    reverses = IdentifierField(_("reverses"), null=True)
    leg_of = IdentifierField(_("leg of"), null=True)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ("-id",)
        # Of the few that are rejected, so that no other row pays for them.
        indexes = (
            models.Index(
                fields=["business_date", "id"],
                name="entry_rejected",
                condition=Q(outcome=Outcome.REJECTED),
            ),
            models.Index(
                fields=["account", "business_date", "id"],
                name="entry_rejected_of_account",
                condition=Q(outcome=Outcome.REJECTED),
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    amount_minor__range=(0, GREATEST_MINOR),
                    balance_minor__range=(-GREATEST_BALANCE_MINOR, GREATEST_BALANCE_MINOR),
                )
                & (Q(kind=Kind.ACCOUNT_OPENED) | Q(amount_minor__gte=1)),
                name="entry_amounts_in_range",
            ),
            models.CheckConstraint(
                condition=Q(Exact(Length("currency"), CURRENCY_LENGTH), business_date__range=DATES),
                name="entry_in_a_currency_on_a_day",
            ),
            models.CheckConstraint(
                condition=Q(partition__gte=0, offset__gte=0), name="entry_has_its_place"
            ),
            models.CheckConstraint(condition=hashes("digest", "link"), name="entry_has_hashes"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="entry_concluded"),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.POSTED, balance_minor__isnull=False)
                | (Q(outcome=Outcome.REJECTED) & ~Q(reason="")),
                name="entry_posted_or_with_reason",
            ),
        )

    def __str__(self) -> str:
        return str(self.transaction_id)

    logged_at = property(lambda self: instant(self.logged_at_ms))
    submitted_at = property(lambda self: instant(self.submitted_at_ms))
    posted_at = property(lambda self: instant(self.posted_at_ms))

    @property
    def is_posted(self) -> bool:
        """Whether the entry moved the balance."""
        return self.outcome == Outcome.POSTED

    @property
    def signed_amount_minor(self) -> int:
        """The amount from the customer's viewpoint: a withdrawal is below zero."""
        return signed(int(self.amount_minor), self.kind_id)


def signed(amount_minor: int, kind: int) -> int:
    """Give an amount from the customer's viewpoint: a withdrawal is below zero."""
    return -amount_minor if kind == Kind.WITHDRAWAL else amount_minor


class DailyTotal(models.Model):
    """Posted transactions of one account, kind and business date: what lists and charts sum."""

    account = models.CharField(_("account"), max_length=NUMBER_LENGTH)
    business_date = models.DateField(_("business date"))
    kind = models.ForeignKey(EntryKind, models.PROTECT, db_index=False, verbose_name=_("kind"))
    count = models.BigIntegerField(_("count"))
    amount_minor = MoneyField(_("amount"))

    class Meta:
        verbose_name = _("daily total")
        verbose_name_plural = _("daily totals")
        constraints = (
            models.UniqueConstraint(
                fields=["account", "business_date", "kind"], name="total_per_account_day_kind"
            ),
            models.CheckConstraint(
                # Each transaction moves something.
                condition=Q(count__gte=1, amount_minor__gte=F("count"), business_date__range=DATES),
                name="total_counts_what_moved",
            ),
        )
        indexes = (models.Index(fields=["business_date"], name="total_by_date"),)

    def __str__(self) -> str:
        return f"{self.account} {self.business_date}"
