"""Messages that could not be understood, and what people decided about them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.fields import HASH_LENGTH, IdentifierField, InstantField, hashes, instant
from accounts.models.log import Log
from accounts.models.submission import Outbox


class DeadReason(models.TextChoices):
    """Why a message became a dead letter. Part of the chain, unlike the wording of the detail."""

    NOT_UNDERSTOOD = "not_understood", _("Not understood")
    ID_REUSED = "id_reused", _("Id used again with other content")


class DeadLetter(models.Model):
    """A message that could not be understood, with its original bytes."""

    log = models.ForeignKey(Log, models.PROTECT, verbose_name=_("log"))
    partition = models.IntegerField(_("partition"))
    offset = models.BigIntegerField(_("offset"))
    key = models.BinaryField(_("key"), null=True)
    value = models.BinaryField(_("value"), null=True)
    reason = models.CharField(_("reason"), max_length=20, choices=DeadReason)
    detail = models.CharField(_("detail"), max_length=300)
    # Where the message could be read that far.
    transaction_id = IdentifierField(_("transaction"), null=True, db_index=True)
    logged_at_ms = InstantField(_("logged at"))
    concluded_at_ms = InstantField(_("concluded at"))
    digest = models.BinaryField(_("digest of key and value"), max_length=HASH_LENGTH)
    link = models.BinaryField(_("link of the chain"), max_length=HASH_LENGTH)

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["log", "partition", "offset"], name="dead_letter_per_offset"
            ),
            models.CheckConstraint(
                condition=Q(partition__gte=0, offset__gte=0, reason__in=DeadReason.values),
                name="dead_letter_with_place_and_reason",
            ),
            models.CheckConstraint(
                condition=hashes("digest", "link"), name="dead_letter_has_hashes"
            ),
        )

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    logged_at = property(lambda self: instant(self.logged_at_ms))


class Decision(models.TextChoices):
    """What can be done about a dead letter."""

    REDRIVEN = "redriven", _("Redriven")
    DISCARDED = "discarded", _("Discarded")


class DeadLetterDecision(models.Model):
    """What somebody decided about a dead letter, once. Appended, never changed.

    It names the dead letter by its place in the log, since a rebuild writes the row anew.
    """

    log = models.ForeignKey(Log, models.PROTECT, verbose_name=_("log"))
    partition = models.IntegerField(_("partition"))
    offset = models.BigIntegerField(_("offset"))
    decision = models.CharField(_("decision"), max_length=10, choices=Decision)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    # An agent's name, or the name of who ran a command on the machine.
    decided_by = models.CharField(_("decided by"), max_length=150)
    decided_at_ms = InstantField(_("decided at"))
    # The row that publishes a redriven message.
    outbox = models.OneToOneField(
        Outbox, models.PROTECT, null=True, related_name="+", verbose_name=_("outbox row")
    )

    class Meta:
        verbose_name = _("decision on a dead letter")
        verbose_name_plural = _("decisions on dead letters")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["log", "partition", "offset"], name="dead_letter_decided_once"
            ),
            models.CheckConstraint(
                condition=Q(decision=Decision.REDRIVEN, outbox__isnull=False)
                | (Q(decision=Decision.DISCARDED, outbox__isnull=True) & ~Q(reason="")),
                name="dead_letter_redriven_or_discarded",
            ),
            models.CheckConstraint(
                condition=Q(partition__gte=0, offset__gte=0) & ~Q(decided_by=""),
                name="dead_letter_decided_by_somebody",
            ),
        )

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    decided_at = property(lambda self: instant(self.decided_at_ms))
