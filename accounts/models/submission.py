"""What agents asked, and the outbox from which the relay publishes it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from accounts.bounds import EARLIEST_DATE, LATEST_DATE
from accounts.models.account import CURRENCY_LENGTH, NUMBER_LENGTH
from accounts.models.fields import ByteOrderIndex, IdentifierField, InstantField, instant
from accounts.models.people import Agent
from accounts.money import GREATEST_MINOR, MoneyField

REFERENCE_LENGTH = 140
REFUSAL_LENGTH = 300
DATES = (EARLIEST_DATE, LATEST_DATE)


class Submission(models.Model):
    """What an agent asked, as it was asked. Never changed."""

    # Chosen when the form is rendered, so a double click, a retry or a redelivery
    # is recognised by its id and posted once.
    transaction_id = IdentifierField(_("transaction"), unique=True)
    account = models.CharField(_("account"), max_length=NUMBER_LENGTH, db_index=True)
    kind = models.ForeignKey(
        "accounts.EntryKind", models.PROTECT, db_index=False, verbose_name=_("kind")
    )
    amount_minor = MoneyField(_("amount"))
    least_balance_minor = MoneyField(_("least balance"), null=True)
    currency = models.CharField(_("currency"), max_length=CURRENCY_LENGTH)
    reference = models.CharField(_("reference"), max_length=REFERENCE_LENGTH, blank=True)
    business_date = models.DateField(_("business date"))
    submitted_at_ms = InstantField(_("submitted at"))
    submitted_by = models.ForeignKey(Agent, models.PROTECT, verbose_name=_("submitted by"))

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        indexes = (ByteOrderIndex(fields=["reference"], name="submission_by_reference"),)
        constraints = (
            models.CheckConstraint(
                # Only an opening has a least balance, and only it may come with nothing.
                condition=Q(
                    kind=1,
                    amount_minor__range=(0, GREATEST_MINOR),
                    least_balance_minor__range=(-GREATEST_MINOR, 0),
                    least_balance_minor__isnull=False,
                )
                | Q(
                    ~Q(kind=1),
                    amount_minor__range=(1, GREATEST_MINOR),
                    least_balance_minor__isnull=True,
                ),
                name="submission_amounts_in_range",
            ),
            models.CheckConstraint(
                condition=Q(Exact(Length("currency"), CURRENCY_LENGTH), business_date__range=DATES),
                name="submission_in_a_currency_on_a_day",
            ),
        )

    def __str__(self) -> str:
        return str(self.transaction_id)

    submitted_at = property(lambda self: instant(self.submitted_at_ms))


class Outbox(models.Model):
    """Bytes to be published, in the order of their ids, by the relay alone."""

    topic = models.CharField(_("topic"), max_length=249)
    key = models.BinaryField(_("key"), null=True)
    value = models.BinaryField(_("value"), null=True)
    # Names and values as JSON; null where there are none.
    headers = models.JSONField(_("headers"), null=True)
    submission = models.OneToOneField(
        Submission, models.PROTECT, null=True, related_name="outbox", verbose_name=_("submission")
    )
    queued_at_ms = InstantField(_("queued at"))
    published_at_ms = InstantField(_("published at"), null=True)
    # What the broker acknowledged last.
    log = models.ForeignKey(
        "accounts.Log", models.PROTECT, null=True, db_index=False, verbose_name=_("log")
    )
    partition = models.IntegerField(_("partition"), null=True)
    offset = models.BigIntegerField(_("offset"), null=True)
    attempts = models.IntegerField(_("times published"), default=0)
    # Why Kafka refused it at the last try; null where it did not, so that SQLite adds the column
    # without copying the table.
    refusal = models.CharField(  # noqa: DJ001
        _("refused by Kafka"), max_length=REFUSAL_LENGTH, null=True
    )
    # A submission is done when it has an outcome, a copied dead letter when it is acknowledged.
    is_done = models.BooleanField(_("done"), default=False)

    class Meta:
        verbose_name = _("outbox row")
        verbose_name_plural = _("outbox")
        indexes = (
            models.Index(
                fields=["id"],
                name="outbox_unpublished",
                condition=Q(published_at_ms=None),
            ),
            models.Index(fields=["id"], name="outbox_open", condition=Q(is_done=False)),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(is_done=False) | Q(published_at_ms__isnull=False),
                name="outbox_done_was_published",
            ),
            models.CheckConstraint(
                condition=Q(published_at_ms=None)
                | Q(log__isnull=False, partition__gte=0, offset__gte=0, attempts__gte=1),
                name="outbox_published_somewhere",
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="outbox_counts_attempts"),
        )

    def __str__(self) -> str:
        return f"{self.pk}"
