"""The agents that somebody may help to sign in, and how each stands."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from allauth.mfa.models import Authenticator
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts.models import Agent
from accounts.selectors.scope import team_of

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_A_PAGE = 50


@dataclass(frozen=True)
class Member:
    """One of a team. ``locked_from`` are the addresses from which no password is taken now."""

    agent: Agent
    factors: list[str] = field(default_factory=list)
    locked_from: list[str] = field(default_factory=list)


def team(seen_by: Agent, page: str) -> tuple[Page[Agent], list[Member]]:
    """Give a page of the team in the order of names, with how each stands; four queries.

    The first one, where ``page`` is the number of none.
    """
    agents = team_of(seen_by).select_related("branch").order_by("username")
    found = Paginator(agents, _A_PAGE).get_page(page)
    return found, members(list(found.object_list))


def member(agent_id: int, *, seen_by: Agent) -> Member | None:
    """Give one of the team; None for whoever is no part of it."""
    agents: QuerySet[Agent] = team_of(seen_by).select_related("branch").filter(pk=agent_id)
    return next(iter(members(list(agents))), None)


def members(agents: Collection[Agent]) -> list[Member]:
    """Give how each of ``agents`` stands."""
    factors = _factors(agents)
    locked = _locked_from([agent.get_username() for agent in agents])
    return [Member(each, factors[each.pk], locked[each.get_username()]) for each in agents]


def has_factor(agent: Agent) -> bool:
    """Tell whether the agent has set up a second factor."""
    return bool(Authenticator.objects.filter(user=agent, type__in=FACTORS).exists())


def _factors(agents: Collection[Agent]) -> dict[int, list[str]]:
    found = Authenticator.objects.filter(user__in=agents, type__in=FACTORS)
    by_agent = defaultdict(list)
    for agent_id, kind in found.order_by("created_at").values_list("user_id", "type"):
        by_agent[agent_id].append(kind)
    return by_agent


def _locked_from(usernames: Collection[str]) -> dict[str, list[str]]:
    cool_off = get_cool_off()
    since = timezone.now() - cool_off if cool_off else None
    failures = AccessAttempt.objects.filter(username__in=usernames)
    failures = failures.filter(attempt_time__gte=since) if since else failures
    counted = failures.values_list("username", "ip_address").annotate(
        Sum("failures_since_start", default=0)
    )
    locked = defaultdict(list)
    for username, address, number in counted:
        if username and number >= settings.AXES_FAILURE_LIMIT:
            locked[username].append(address or "?")
    return locked
