"""The logs that the ledger was concluded from, and how far each partition has come."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models.fields import HASH_LENGTH, InstantField, hashes


class Log(models.Model):
    """The identity of a log that the ledger was concluded from (law 7). Ids count its epochs."""

    cluster_id = models.CharField(_("cluster"), max_length=80)
    topic = models.CharField(_("topic"), max_length=249)
    topic_id = models.CharField(_("topic id"), max_length=80, blank=True)
    partition_count = models.IntegerField(_("partitions"))
    is_memory = models.BooleanField(_("forgets at exit"), default=False)
    adopted_at_ms = InstantField(_("adopted at"))
    adopted_by = models.CharField(_("adopted by"), max_length=150, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    # When the ledger's rows were last put in place as a whole: their ids began anew then.
    rebuilt_at_ms = InstantField(_("rebuilt at"), null=True)
    is_current = models.BooleanField(_("current"))

    class Meta:
        verbose_name = _("log")
        verbose_name_plural = _("logs")
        constraints = (
            models.CheckConstraint(condition=Q(partition_count__gte=1), name="log_has_partitions"),
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="log_one_current"
            ),
        )

    def __str__(self) -> str:
        return f"{self.cluster_id}/{self.topic}"


class LogPosition(models.Model):
    """How far one partition of a log has been concluded, and what came of it."""

    log = models.ForeignKey(Log, models.PROTECT, verbose_name=_("log"))
    partition = models.IntegerField(_("partition"))
    # Where the ledger began with this log, and the link that its chain goes on from.
    first_offset = models.BigIntegerField(_("first offset"), default=0)
    first_link = models.BinaryField(_("first link"), max_length=HASH_LENGTH, default=bytes(32))
    next_offset = models.BigIntegerField(_("next offset"), default=0)
    leader_epoch = models.IntegerField(_("leader epoch"), default=-1)
    # The last message that was read, whatever its fate: a log that goes on must still hold it.
    last_offset = models.BigIntegerField(_("last offset"), null=True)
    last_digest = models.BinaryField(_("last digest"), max_length=HASH_LENGTH, null=True)
    link = models.BinaryField(_("last link"), max_length=HASH_LENGTH)
    # Messages by fate; transactions are the posted entries that moved money.
    transactions = models.BigIntegerField(_("transactions"), default=0)
    posted = models.BigIntegerField(_("posted"), default=0)
    rejected = models.BigIntegerField(_("rejected"), default=0)
    dead = models.BigIntegerField(_("dead letters"), default=0)
    repeats = models.BigIntegerField(_("repeats"), default=0)
    # Batches of consumers that had lost the partition meanwhile; nothing of them was written.
    refused_batches = models.BigIntegerField(_("stale batches refused"), default=0)

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        constraints = (
            models.UniqueConstraint(fields=["log", "partition"], name="position_per_partition"),
            models.CheckConstraint(
                condition=Q(partition__gte=0, first_offset__gte=0, next_offset__gte=0),
                name="position_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    transactions__range=(0, F("posted")),
                    rejected__gte=0,
                    dead__gte=0,
                    repeats__gte=0,
                    refused_batches__gte=0,
                ),
                name="position_counts_messages",
            ),
            models.CheckConstraint(
                condition=hashes("first_link", "last_digest", "link"), name="position_has_hashes"
            ),
        )

    def __str__(self) -> str:
        return f"{self.partition}:{self.next_offset}"
