"""Who looks at what: all who may see the same rows and have chosen the same filter."""

from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.models import Entry
from accounts.selectors.audiences import Audience
from accounts.selectors.filters import Filter
from accounts.selectors.scope import entries_seen_by


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """An audience that looks through a filter; without one, at all entries it may see."""

    audience: Audience
    chosen: Filter | None = None

    def entries(self) -> QuerySet[Entry]:
        """Give the entries that are seen from here."""
        member = self.audience.member()
        return self.chosen.entries(member) if self.chosen else entries_seen_by(member)


def viewpoint_of(audience: Audience, chosen: Filter | None) -> Viewpoint:
    """Give the viewpoint, the same one for a filter that lets everything through and for none."""
    return Viewpoint(audience, None if chosen is None or chosen.is_everything else chosen)
