"""What is done about others' access to the portal. Each act sends ``access_changed``."""

import secrets
from enum import StrEnum
from typing import Final

from allauth.mfa.models import Authenticator
from axes.handlers.proxy import AxesProxyHandler
from django.db.transaction import atomic
from django.http import HttpRequest

from accounts.models import Agent
from accounts.services.sessions import end_all_sessions
from accounts.signals import access_changed

# Without those that are taken for one another.
_SIGNS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


class Act(StrEnum):
    """What was done about an agent's access."""

    NEW_PASSWORD = "new_password"  # noqa: S105 # the name of an act
    UNLOCKED = "unlocked"
    SESSIONS_ENDED = "sessions_ended"
    SECOND_FACTOR_REMOVED = "second_factor_removed"


@atomic
def give_new_password(agent: Agent, *, by: Agent, request: HttpRequest) -> str:
    """Give the agent a generated password, which must be changed at first use; return it.

    Ends all of the agent's sessions, and lets the agent in again who was locked out.
    """
    password = "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))
    agent.set_password(password)
    agent.must_change_password = True
    agent.save(update_fields=["password", "must_change_password"])
    _forget_failures(agent)
    _tell(agent, Act.NEW_PASSWORD, by, request)
    return password


@atomic
def unlock(agent: Agent, *, by: Agent, request: HttpRequest) -> None:
    """Forget the agent's failed passwords, so that the next one is looked at."""
    _forget_failures(agent)
    _tell(agent, Act.UNLOCKED, by, request)


@atomic
def end_sessions(agent: Agent, *, by: Agent, request: HttpRequest) -> None:
    """Sign the agent out everywhere."""
    end_all_sessions(agent)
    _tell(agent, Act.SESSIONS_ENDED, by, request)


@atomic
def remove_second_factor(agent: Agent, *, by: Agent, request: HttpRequest) -> None:
    """Remove every second factor of the agent, who has lost it, and end all sessions."""
    Authenticator.objects.filter(user=agent).delete()
    end_all_sessions(agent)
    _tell(agent, Act.SECOND_FACTOR_REMOVED, by, request)


def _forget_failures(agent: Agent) -> None:
    AxesProxyHandler.reset_attempts(username=agent.get_username())


def _tell(agent: Agent, act: Act, by: Agent, request: HttpRequest) -> None:
    access_changed.send(sender=Agent, agent=agent, act=act, by=by, request=request)
