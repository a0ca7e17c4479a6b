"""What every page knows without its view saying so."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext

from accounts.selectors.delays import delays
from accounts.selectors.posting_times import recent_posting_times
from streaming.endpoint import current_endpoint


def portal(request: HttpRequest) -> dict[str, object]:
    """Give the portal's settings, what waits, how long posting takes, whether Kafka forgets."""
    endpoint = current_endpoint()
    return {
        "currency": settings.CURRENCY,
        "currency_name": gettext("euros") if settings.CURRENCY == "EUR" else settings.CURRENCY,
        "time_zone": settings.TIME_ZONE,
        "memory_mode": endpoint is not None and endpoint.mode == "memory",
        # Asked for by pages of those who have signed in alone.
        "delays": SimpleLazyObject(delays),
        "posting_times": SimpleLazyObject(lambda: recent_posting_times(request.user)),
    }
