"""What every page knows without its view saying so."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext

from accounts.models import Agent, Role
from accounts.selectors.delays import delays
from accounts.selectors.posting_times import recent_posting_times
from accounts.selectors.sessions import (
    Standing,
    TimeLeft,
    standing_of,
    time_left,
    used_second_factor,
)
from streaming.endpoint import current_endpoint


def portal(request: HttpRequest) -> dict[str, object]:
    """Give the portal's settings, what waits, whether Kafka forgets, how the agent is signed in."""
    endpoint = current_endpoint()
    return {
        "currency": settings.CURRENCY,
        "currency_name": gettext("euros") if settings.CURRENCY == "EUR" else settings.CURRENCY,
        "time_zone": settings.TIME_ZONE,
        "memory_mode": endpoint is not None and endpoint.mode == "memory",
        # Whoever still owes a second factor or a password is shown no way but to that.
        "signed_in": SimpleLazyObject(lambda: _is_signed_in(request)),
        "session_left": SimpleLazyObject(lambda: _session_left(request)),
        "second_factor_advised": SimpleLazyObject(lambda: _is_second_factor_advised(request)),
        # Asked for by pages of those who have signed in alone.
        "delays": SimpleLazyObject(delays),
        "posting_times": SimpleLazyObject(lambda: recent_posting_times(request.user)),
    }


def _is_signed_in(request: HttpRequest) -> bool:
    agent = getattr(request, "user", None)
    if not isinstance(agent, Agent):
        return False
    return standing_of(request.session, agent) is Standing.SIGNED_IN


def _session_left(request: HttpRequest) -> TimeLeft | None:
    is_known = isinstance(getattr(request, "user", None), Agent)
    return time_left(request.session) if is_known else None


def _is_second_factor_advised(request: HttpRequest) -> bool:
    """Tell whether the agent goes without a second factor only because everything is local."""
    agent = getattr(request, "user", None)
    return (
        settings.IS_LOCAL
        and not settings.SECOND_FACTOR_ROLES_SAID
        and isinstance(agent, Agent)
        and agent.role != Role.TELLER
        and agent.role not in settings.SECOND_FACTOR_ROLES
        and not used_second_factor(request.session, agent)
    )
