"""A customer's account as the bank files it, and its balance as the ledger concluded it."""

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Branch
from accounts.money import (
    GREATEST_BALANCE_MINOR,
    GREATEST_MINOR,
    GREATEST_TURNOVER_MINOR,
    MoneyField,
)

CURRENCY_LENGTH = 3  # ISO 4217
NUMBER_LENGTH = 34  # room for an IBAN


class Account(models.Model):
    """Who holds an account and which branch keeps it. Decides no outcome (law 1)."""

    number = models.CharField(_("number"), max_length=NUMBER_LENGTH, unique=True)
    holder = models.CharField(_("holder"), max_length=120, blank=True)
    branch = models.ForeignKey(
        Branch, models.PROTECT, verbose_name=_("branch"), null=True, blank=True
    )
    created_at = models.DateTimeField(_("filed at"), auto_now_add=True)

    balance: "Balance"

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = (
            models.CheckConstraint(condition=~models.Q(number=""), name="account_number_given"),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.holder}".strip()

    @property
    def is_open(self) -> bool:
        """Whether the ledger has concluded the account's opening."""
        return hasattr(self, "balance")


class AccountStatus(models.IntegerChoices):
    """What the ledger allows on an account."""

    OPEN = 1, _("Open")
    FROZEN = 2, _("Frozen")


class Balance(models.Model):
    """An account as the ledger knows it: a sum over its posted entries, written by posting only."""

    account = models.OneToOneField(
        Account,
        models.DO_NOTHING,
        to_field="number",
        db_column="account",
        db_constraint=False,
        verbose_name=_("account"),
    )
    currency = models.CharField(_("currency"), max_length=CURRENCY_LENGTH)
    balance_minor = MoneyField(_("balance"))
    least_balance_minor = MoneyField(_("least balance"))
    status = models.SmallIntegerField(
        _("status"), choices=AccountStatus, default=AccountStatus.OPEN
    )
    # How many entries were posted, the opening among them. A writer states the number it
    # read, so that two who computed from the same balance cannot both write.
    posted_count = models.BigIntegerField(_("posted entries"))
    # All that was paid in and out: it bounds every sum over the account.
    turnover_minor = MoneyField(_("turnover"), default=0)

    class Meta:
        verbose_name = _("balance")
        verbose_name_plural = _("balances")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    balance_minor__range=(-GREATEST_BALANCE_MINOR, GREATEST_BALANCE_MINOR),
                    least_balance_minor__range=(-GREATEST_MINOR, 0),
                    turnover_minor__range=(0, GREATEST_TURNOVER_MINOR),
                ),
                name="balance_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=AccountStatus.values), name="balance_status_known"
            ),
            models.CheckConstraint(
                condition=Exact(Length("currency"), CURRENCY_LENGTH),
                name="balance_currency_is_a_code",
            ),
            models.CheckConstraint(
                condition=models.Q(posted_count__gte=1), name="balance_counts_its_opening"
            ),
        )

    def __str__(self) -> str:
        return self.account_id

    @property
    def available_minor(self) -> int:
        """What may still be withdrawn; never below zero, also on an overdrawn account."""
        return max(0, int(self.balance_minor) - int(self.least_balance_minor))

    @property
    def is_overdrawn(self) -> bool:
        """Whether the balance is below what the account allows (history rows may do that)."""
        return bool(self.balance_minor < self.least_balance_minor)
