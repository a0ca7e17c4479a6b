"""A dashboard that an agent has arranged and named."""

from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Length
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from accounts.models.fields import InstantField
from accounts.models.people import Agent, Role

BOARD_NAME_LENGTH: Final = 80
QUERY_LENGTH: Final = 1000
MOST_PANELS: Final = 40
# Of the layout as JSON, with its quotes and commas.
LAYOUT_LENGTH: Final = 8000

# Operators see no customers, and so no dashboard.
READER_ROLES: Final = tuple(role for role in Role if role != Role.OPERATOR)


class Board(models.Model):
    """Which panels stand where, and under which filter. What they show follows who looks."""

    # Its index is the one that keeps names apart.
    owner = models.ForeignKey(Agent, models.CASCADE, db_index=False, verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=BOARD_NAME_LENGTH)
    # An object for each panel, in order, with its name as ``panel``; the dashboard knows the rest.
    # What it does not know stays here all the same, so that going back to an older version of
    # the portal and forth again loses nothing.
    layout = models.JSONField(_("layout"))
    # As the dashboard's address carries it.
    query = models.CharField(_("filter"), max_length=QUERY_LENGTH, blank=True)
    shared_with = models.CharField(
        _("shared with"),
        max_length=20,
        choices=[(role.value, role.label) for role in READER_ROLES],
        blank=True,
    )
    # The one that opens first for its owner.
    is_first = models.BooleanField(_("opens first"), default=False)
    # A writer states the version it read, so that two windows cannot overwrite each other.
    version = models.IntegerField(_("version"), default=1)
    created_at_ms = InstantField(_("created at"))
    changed_at_ms = InstantField(_("changed at"))

    class Meta:
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboards")
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=["owner", "name"], name="board_named_once_an_owner"),
            models.UniqueConstraint(
                fields=["owner"], condition=Q(is_first=True), name="board_first_once_an_owner"
            ),
            models.CheckConstraint(
                condition=~Q(name="") & Q(version__gte=1), name="board_has_name_and_version"
            ),
            models.CheckConstraint(
                condition=Q(shared_with__in=["", *(role.value for role in READER_ROLES)]),
                name="board_shared_with_readers",
            ),
            models.CheckConstraint(
                condition=Q(
                    LessThanOrEqual(Length("name"), BOARD_NAME_LENGTH),
                    LessThanOrEqual(Length("query"), QUERY_LENGTH),
                    LessThanOrEqual(Length(Cast("layout", models.TextField())), LAYOUT_LENGTH),
                ),
                name="board_bounded",
            ),
        )

    def __str__(self) -> str:
        return self.name
