"""How each verification last came to its end, for whoever watches that they are done."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.fields import InstantField


class VerificationResult(models.Model):
    """The last one of ``what``: ledger or audit.

    A note, and no evidence: whoever owns the tables can write it.
    """

    what = models.CharField(primary_key=True, max_length=10)
    at_ms = InstantField()
    discrepancies = models.BigIntegerField()

    class Meta:
        verbose_name = _("result of a verification")
        verbose_name_plural = _("results of verifications")
        constraints = (
            models.CheckConstraint(
                condition=Q(discrepancies__gte=0), name="verification_counts_from_none"
            ),
        )

    def __str__(self) -> str:
        return f"{self.what}: {self.discrepancies}"
