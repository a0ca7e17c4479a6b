"""What is done about others' access to the portal. Each act is in the audit log."""

import secrets
from typing import Final

from allauth.mfa.models import Authenticator
from axes.handlers.proxy import AxesProxyHandler
from django.db.transaction import atomic

from accounts.models import Act, Agent
from accounts.services.audit import Deed, about_agent, record
from accounts.services.sessions import end_all_sessions

# Without those that are taken for one another.
_SIGNS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


@atomic
def give_new_password(agent: Agent, *, by: Agent) -> str:
    """Give the agent a generated password, which must be changed at first use; return it.

    Ends all of the agent's sessions, and lets the agent in again who was locked out.
    """
    password = "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))
    agent.set_password(password)
    agent.must_change_password = True
    agent.save(update_fields=["password", "must_change_password"])
    _forget_failures(agent)
    _record(Act.PASSWORD_GIVEN, agent, by)
    return password


@atomic
def unlock(agent: Agent, *, by: Agent) -> None:
    """Forget the agent's failed passwords, so that the next one is looked at."""
    _forget_failures(agent)
    _record(Act.UNLOCK, agent, by)


@atomic
def end_sessions(agent: Agent, *, by: Agent) -> None:
    """Sign the agent out everywhere."""
    end_all_sessions(agent)
    _record(Act.SESSION_END, agent, by)


@atomic
def remove_second_factor(agent: Agent, *, by: Agent) -> None:
    """Remove every second factor of the agent, who has lost it, and end all sessions."""
    Authenticator.objects.filter(user=agent).delete()
    end_all_sessions(agent)
    _record(Act.FACTOR_REMOVED, agent, by)


def _forget_failures(agent: Agent) -> None:
    AxesProxyHandler.reset_attempts(username=agent.get_username())


def _record(act: Act, agent: Agent, by: Agent) -> None:
    record(Deed(act=act, about=about_agent(agent)), by=by)
