"""Which panels there are, and how they stand on a dashboard until somebody arranges them."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Role
from accounts.selectors.panels import Height

# In twelfths of the page.
WIDTHS: Final = (3, 4, 5, 6, 7, 8, 9, 12)

PANEL_TITLES: Final[Mapping[str, Promise]] = {
    "totals": _("Totals of the period"),
    "day": _("The day against the day before"),
    "live": _("Live transactions"),
    "balance": _("Balance"),
    "heat": _("Transactions by account and kind"),
    "bars": _("Amounts by account"),
    "period": _("Transactions of the period"),
    "rate": _("Transactions a minute"),
    "largest": _("Largest of the day"),
    "rejected": _("Rejected and why"),
    "low": _("Accounts near zero"),
    "delay": _("From click to posted"),
}


class Placed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One panel on a dashboard. Its name may be one that this version does not have."""

    panel: str
    width: int = 6
    height: Height = "usual"


_EVERYTHING: Final = (
    Placed("totals", 12),
    Placed("live", 7),
    Placed("balance", 5),
    Placed("heat", 5),
    Placed("bars", 7),
    Placed("period", 12),
)

DEFAULT_LAYOUTS: Final[Mapping[str, Sequence[Placed]]] = {
    Role.TELLER: (
        *(Placed("totals", 12), Placed("live", 7), Placed("balance", 5)),
        *(Placed("low", 5), Placed("period", 7)),
    ),
    Role.SUPERVISOR: (
        *_EVERYTHING[:-1],
        *(Placed("day", 4), Placed("rate", 8)),
        *(Placed("rejected", 6), Placed("largest", 6)),
        *(Placed("low", 6), Placed("delay", 6), Placed("period", 12)),
    ),
    Role.AUDITOR: (
        *_EVERYTHING[:-1],
        *(Placed("rejected", 6), Placed("largest", 6), Placed("delay", 6), Placed("rate", 6)),
        Placed("period", 12),
    ),
}


def default_layout(role: str) -> Sequence[Placed]:
    """Give the dashboard that a role sees at first."""
    return DEFAULT_LAYOUTS.get(role, _EVERYTHING)
