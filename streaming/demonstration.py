"""Loading the demonstration: its bank filed, its eighteen months through Kafka into the ledger."""

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from accounts.demo.filing import file_demonstration
from accounts.demo.plan import planned_events, quiet_openings
from accounts.events import AccountOpened, Event
from accounts.selectors.outcomes import conclusions_of, unopened
from streaming.progress import Console
from streaming.publishing import in_parts, publish_until_concluded


def load_demonstration(*, console: Console) -> int:
    """File and publish what the ledger lacks of the demonstration; give the number of events.

    May be repeated: the eighteen months end at the first time, so nothing is added later.
    Raises what ``publish_until_concluded`` raises.
    """
    until = file_demonstration()
    zone = timezone.get_default_timezone()
    events: list[Event] = [
        *quiet_openings(until, currency=settings.CURRENCY, zone=zone),
        *planned_events(until, currency=settings.CURRENCY, zone=zone),
    ]
    missing = list(_missing(events))
    publish_until_concluded(lambda: missing, total=len(missing), console=console)
    return len(missing)


def _missing(events: list[Event]) -> Iterator[Event]:
    # The history file has opened two of the accounts; opening one again would be rejected.
    to_open = set(unopened({event.account for event in events}))
    for part in in_parts(events):
        known = conclusions_of([event.transaction_id for event in part])
        for event in part:
            opens_again = isinstance(event, AccountOpened) and event.account not in to_open
            if event.transaction_id not in known and not opens_again:
                yield event
